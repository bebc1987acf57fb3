import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterEach, vi } from 'vitest'
import { checkRequests } from './server'

// How long what is waited for may take to come. A busy machine loads a page's code in more than the usual second.
configure({ asyncUtilTimeout: 10_000 })

// A canvas needs a real browser; the browser tests look at the chart.
vi.mock('@/components/chart/plot', () => ({ createPlot: () => ({ update() {}, destroy() {} }) }))

afterEach(() => {
  cleanup()
  checkRequests()
  localStorage.clear()
  delete document.documentElement.dataset.theme
})
