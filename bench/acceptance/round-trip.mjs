/** Decode and encode of ONNX files through the product's codec. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Paths below `folder` that end with `suffix`, sorted. */
export const filesBelow = (folder, suffix) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()

/** One line for each file that does not come back byte for byte. */
export const roundTrip = async (_files) => {
  throw new Error('not connected yet')
}
