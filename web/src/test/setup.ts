import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterAll, afterEach, vi } from 'vitest'
import { checkRequests } from './server'

// How long what is waited for may take to come. A busy machine loads a page's code in more than the usual second.
configure({ asyncUtilTimeout: 10_000 })

// A canvas needs a real browser; the browser tests look at the chart.
vi.mock('@/components/chart/plot', () => ({ createPlot: () => ({ update() {}, destroy() {} }) }))

afterEach(() => {
  cleanup()
  vi.useRealTimers()
  vi.restoreAllMocks()
  localStorage.clear()
  sessionStorage.clear()
  document.title = ''
  delete document.documentElement.dataset.theme
  // Last, since it throws.
  checkRequests()
})

// The next file shares this DOM and these libraries, but gets modules of its own: with the state they start with.
afterAll(() => {
  vi.resetModules()
})
