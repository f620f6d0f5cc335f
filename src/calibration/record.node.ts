import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileSink } from '../bytes/file-sink.node.ts'
import { TersorError } from '../errors.ts'
import { record as plain, type RecordedSession, type Recording, type RecordOptions } from './record.ts'

export interface FileRecording<S> extends Recording<S> {
  /**
   * Writes what is kept, for `--calib`: to a file NAME.npz, or into a folder with an .npz for every shape of the feeds. Replaces
   * what was recorded there before. E_USAGE for a file where feeds have several shapes, or nothing is kept.
   */
  save(path: string): Promise<readonly string[]>
}

/** `record` of the browser entry, with files. */
export function record<S extends RecordedSession>(session: S, options: RecordOptions = {}): FileRecording<S> {
  const recording = plain(session, options)
  const save = async (path: string): Promise<readonly string[]> => {
    const files = recording.files()
    const single = path.endsWith('.npz')
    if (single && files.length > 1) {
      throw new TersorError('E_USAGE', `${path}: feeds of ${files.length} shapes do not fit one file`, {
        where: path,
        hint: 'give a folder',
      })
    }
    if (!single) await mkdir(path, { recursive: true })
    const paths: string[] = []
    for (const [at, bytes] of files.entries()) {
      const name = single ? path : join(path, `recorded-${at + 1}.npz`)
      const sink = fileSink(name, { force: true })
      try {
        await sink.write(bytes)
        await sink.commit()
      } catch (thrown) {
        await sink.abort()
        throw thrown
      }
      paths.push(name)
    }
    return paths
  }
  return Object.defineProperties({ save } as FileRecording<S>, Object.getOwnPropertyDescriptors(recording))
}
