// Writes NAME.br and NAME.gz beside each file of the built web app that becomes smaller. The edge
// serves them as they are, compressed once at the best level.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const folder = process.argv[2]
for (const name of readdirSync(folder, { recursive: true })) {
  const file = join(folder, name)
  if (!/\.(html|js|css|svg|txt|json|webmanifest)$/.test(name) || !statSync(file).isFile()) continue
  const bytes = readFileSync(file)
  const packed = {
    br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
    gz: gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }),
  }
  for (const [ending, content] of Object.entries(packed)) {
    if (content.length < bytes.length) writeFileSync(`${file}.${ending}`, content)
  }
}
