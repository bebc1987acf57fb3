import { defineConfig } from '@playwright/test'
import { ADMIN_STATE } from './e2e/stack'

// A stack that is fresh: `cargo xtask test browser` starts one and sets SQUALL_URL, SQUALL_SETUP_URL and SQUALL_WATCH_DIR.
// `cargo xtask test containers` runs the first run and the tests tagged @edge against the stack in containers.
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/runs',
  // The tests share one stack and build on its first run.
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  reporter: process.env.CI ? [['list'], ['github']] : 'list',
  timeout: 45_000,
  expect: { timeout: 15_000 },
  use: {
    baseURL: process.env.SQUALL_URL ?? 'http://127.0.0.1:8642',
    locale: 'en-GB',
    viewport: { width: 1360, height: 900 },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH || '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'first-run', testMatch: 'first-run.spec.ts' },
    {
      name: 'signed-in',
      testIgnore: 'first-run.spec.ts',
      dependencies: ['first-run'],
      use: { storageState: ADMIN_STATE },
    },
  ],
})
