import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { backups, readiness } from '@/test/fixtures'
import { failure, never } from '@/test/server'

const version = {
  'GET /healthz': () => ({ status: 'ok', version: '0.1.0' }),
  'GET /api/v1/backups': () => backups(),
}

describe('the status page', () => {
  it('shows that everything works', async () => {
    open('/status', { ...signedIn(), ...version, 'GET /readyz': () => readiness() })
    expect(await screen.findByText('Everything works: events are taken in and grouped.')).toBeVisible()
    expect(screen.getByText('Version 1 found, 1 expected.')).toBeVisible()
    expect(screen.getByText('No batch waits.')).toBeVisible()
    expect(await screen.findByText('Squall 0.1.0')).toBeVisible()
  })

  it('shows the failed checks of a 503', async () => {
    const queue = {
      ok: false,
      message: 'Batches wait for over a minute.',
      waiting: 12,
      oldest_seconds: 240,
      set_aside: 1,
    }
    open('/status', {
      ...signedIn(),
      ...version,
      'GET /readyz': () =>
        Response.json(
          {
            code: 'not_ready',
            message: 'No.',
            request_id: 'req-7',
            details: readiness({ queue }, 'not_ready'),
          },
          { status: 503 },
        ),
    })
    expect(await screen.findByText(/^Squall is not ready/)).toBeVisible()
    expect(screen.getByText('failing')).toBeVisible()
    expect(
      screen.getByText(
        '12 batches waiting, the oldest for 4 min. 1 batch set aside after failing too often: the log has the reason.',
      ),
    ).toBeVisible()
  })

  it('shows that Squall works without Redis, and how many watch', async () => {
    const redis = { ok: false, message: 'Redis cannot be used.', configured: true }
    open('/status', { ...signedIn(), ...version, 'GET /readyz': () => readiness({ redis }) })
    expect(await screen.findByText(/^Squall accepts events, but/)).toBeVisible()
    expect(screen.getByText('Redis cannot be used.').closest('li')).toHaveTextContent('failing')
    expect(screen.getByText('One page or program receives live updates.')).toBeVisible()
  })

  it('shows which backups were proved, and says when none is fresh', async () => {
    open('/status', {
      ...signedIn(),
      ...version,
      'GET /readyz': () => readiness(),
      'GET /api/v1/backups': () =>
        backups({ ok: false, message: 'The newest proven backup is older than 26 hours.' }),
    })
    expect(await screen.findByText('The newest proven backup is older than 26 hours.')).toBeVisible()
    expect(screen.getByText(/^1,234,567 rows restored and compared in /)).toBeVisible()
    expect(screen.getByText(/in \/var\/backups\/squall, backup/)).toBeVisible()
  })

  it('shows shapes while it loads', async () => {
    open('/status', { ...signedIn(), ...version, 'GET /readyz': never })
    expect(await screen.findByRole('status', { name: 'Loading the status' })).toBeVisible()
  })

  it('shows an unexpected answer', async () => {
    open('/status', {
      ...signedIn(),
      ...version,
      'GET /readyz': () => failure(500, 'internal', 'Oh.', 'req-8'),
    })
    expect(await screen.findByRole('alert')).toHaveTextContent('Oh.')
    expect(screen.getByText('req-8')).toBeVisible()
  })
})
