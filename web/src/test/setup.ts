import '@testing-library/jest-dom/vitest'
import { cleanup } from '@testing-library/react'
import { afterEach, vi } from 'vitest'
import { checkRequests } from './server'

// A canvas needs a real browser; the browser tests look at the chart.
vi.mock('@/components/chart/plot', () => ({ createPlot: () => ({ update() {}, destroy() {} }) }))

afterEach(() => {
  cleanup()
  checkRequests()
  localStorage.clear()
  delete document.documentElement.dataset.theme
})
