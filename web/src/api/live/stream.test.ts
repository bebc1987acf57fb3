import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stubStream } from '@/test/stream'
import { isLive } from './state'
import { GRACE_MS, HIDDEN_MS, keepStream } from './stream'

let stop: () => void
let isHidden = false

function keep() {
  const listener = { message: vi.fn(), stale: vi.fn() }
  stop = keepStream(listener)
  return listener
}

function show(visible: boolean) {
  isHidden = !visible
  document.dispatchEvent(new Event('visibilitychange'))
}

describe('the stream of a tab', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(document, 'hidden', 'get').mockImplementation(() => isHidden)
  })
  afterEach(() => {
    stop()
    isHidden = false
    vi.useRealTimers()
  })

  it('is opened once, makes the tab live, and is closed at the end', () => {
    const stream = stubStream()
    const { stale } = keep()
    expect(stream.address()).toBe('/api/v1/stream')
    expect(isLive()).toBe(false)
    stream.open()
    expect(isLive()).toBe(true)
    expect(stale).toHaveBeenCalledTimes(1)
    stop()
    expect([stream.opened(), stream.held(), isLive()]).toEqual([1, 0, false])
  })

  it('leaves a short interruption to the browser and the server', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    stream.interrupt()
    vi.advanceTimersByTime(GRACE_MS - 1)
    stream.open()
    vi.advanceTimersByTime(GRACE_MS)
    expect([stream.opened(), stale.mock.calls.length, isLive()]).toEqual([1, 1, true])
  })

  it('makes pages poll if an interruption lasts', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    stream.interrupt()
    expect(isLive()).toBe(false)
    vi.advanceTimersByTime(GRACE_MS)
    expect(stale).toHaveBeenCalledTimes(2)
  })

  it('treats consecutive failures as one interruption', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    for (let failures = 0; failures < 3; failures++) {
      stream.interrupt()
      vi.advanceTimersByTime(GRACE_MS / 2)
    }
    expect(stale).toHaveBeenCalledTimes(2)
    stream.open()
    stream.interrupt()
    vi.advanceTimersByTime(GRACE_MS)
    expect(stale).toHaveBeenCalledTimes(3)
  })

  it('is retried after a refusal, less and less often', () => {
    const stream = stubStream()
    keep()
    for (const wait of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      stream.refuse()
      const opened = stream.opened()
      vi.advanceTimersByTime(wait - 1)
      expect(stream.opened()).toBe(opened)
      vi.advanceTimersByTime(1)
      expect(stream.opened()).toBe(opened + 1)
    }
    stream.open()
    stream.refuse()
    vi.advanceTimersByTime(5_000)
    expect(stream.opened()).toBe(8)
  })

  it('is closed in a tab that is hidden for a while, and opened again when it is shown', () => {
    const stream = stubStream()
    const { stale } = keep()
    stream.open()
    show(false)
    vi.advanceTimersByTime(HIDDEN_MS - 1)
    show(true)
    vi.advanceTimersByTime(HIDDEN_MS)
    expect(stream.held()).toBe(1)
    show(false)
    vi.advanceTimersByTime(HIDDEN_MS)
    expect(stream.held()).toBe(0)
    show(true)
    stream.open()
    expect([stream.opened(), stream.held(), isLive()]).toEqual([2, 1, true])
    expect(stale).toHaveBeenCalledTimes(2)
  })

  it('is not opened in a hidden tab', () => {
    const stream = stubStream()
    isHidden = true
    keep()
    expect(stream.opened()).toBe(0)
    show(true)
    expect(stream.opened()).toBe(1)
  })

  it('is left out if the browser has no EventSource', () => {
    vi.stubGlobal('EventSource', undefined)
    keep()
    expect(isLive()).toBe(false)
    vi.unstubAllGlobals()
  })
})
