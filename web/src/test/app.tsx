import { createMemoryHistory } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { onTestFinished } from 'vitest'
import type { Role } from '@/api/model'
import { App, createApp } from '@/app/App'
import { page, project, source, user } from './fixtures'
import { type Handlers, serve } from './server'

/** What every page inside the shell asks for. */
export const signedIn = (role: Role = 'admin'): Handlers => ({
  'GET /api/v1/session': () => user({ role }),
  'GET /api/v1/projects': () => page([project()]),
  'GET /api/v1/sources': () => page([source()]),
})

/** Opens an address of the app as a browser would, against these answers. */
export function open(address: string, handlers: Handlers) {
  serve(handlers)
  const app = createApp(createMemoryHistory({ initialEntries: [address] }))
  render(<App app={app} />)
  // A retry must not reach the server of the next test.
  onTestFinished(() => app.queryClient.clear())
  return {
    ...app,
    person: userEvent.setup(),
    /** The address bar. */
    address: () => app.router.history.location.href,
  }
}
