/** Decode and encode of ONNX files through the product's codec. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Paths below `folder` that end with `suffix`, sorted. */
export const filesBelow = (folder, suffix) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()

/** One line for each file that does not come back byte for byte; `dist` is the URL of the built library. */
export const roundTrip = async (files, dist) => {
  const { layout, read, writeFile } = await import(new URL('formats/onnx/index.js', dist))
  const { fileSource } = await import(new URL('bytes/file.node.js', dist))
  const bad = []
  for (const path of files) {
    const source = fileSource(path)
    try {
      const openExternal = async (location) => fileSource(join(dirname(path), location))
      const model = await read(source, { openExternal })
      const [main] = layout(model, { name: basename(path), external: 'never' }).files
      const parts = []
      const sink = { label: 'memory', write: async (part) => void parts.push(Buffer.from(part)) }
      await writeFile(main, sink)
      const written = Buffer.concat(parts)
      const wanted = readFileSync(path)
      if (!written.equals(wanted)) {
        const at = wanted.findIndex((byte, i) => byte !== written[i])
        bad.push(`${path}: differs at ${at}, ${wanted.length} bytes became ${written.length}`)
      }
    } catch (error) {
      bad.push(`${path}: ${error.code ?? error.name} ${error.message}`)
    } finally {
      await source.close()
    }
  }
  return bad
}
