import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const api = process.env.SQUALL_API ?? process.env.SQUALL_API_URL ?? 'http://127.0.0.1:8642'

export default defineConfig({
  plugins: [react(), packed()],
  resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
  server: {
    proxy: Object.fromEntries(['/api', '/readyz', '/healthz'].map((path) => [path, { target: api }])),
  },
  build: {
    target: 'es2023',
    // These browsers support light-dark(), which is then not expanded into two rules for each colour.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // A strict content security policy forbids data: URLs.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    env: { TZ: 'UTC' },
    // Loading the DOM and the libraries again for each file cost more than the tests. src/test/setup.ts
    // undoes what a test changes.
    isolate: false,
    restoreMocks: true,
    // The tests must not fail on a slow machine that compiles at the same time.
    testTimeout: 30_000,
    // One thread for each core of the smallest build machine.
    maxWorkers: 2,
  },
})

/** Writes a .gz and a .br beside each file that becomes smaller, for api and edge to serve. */
function packed(): Plugin {
  return {
    name: 'packed',
    apply: 'build',
    async writeBundle({ dir = 'dist' }) {
      for (const name of await readdir(dir, { recursive: true })) {
        if (!/\.(js|css|svg|html|txt|json)$/.test(name)) continue
        const file = join(dir, name)
        const plain = await readFile(file)
        const copies = {
          gz: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }),
          br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
        }
        for (const [ending, copy] of Object.entries(copies)) {
          if (copy.length < plain.length) await writeFile(`${file}.${ending}`, copy)
        }
      }
    },
  }
}
