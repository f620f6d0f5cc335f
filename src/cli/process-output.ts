import { fstatSync, writeSync } from 'node:fs'
import type { Output } from './terminal.ts'

/** As libuv: a full pipe that must not be waited for is tried again. */
const WAIT_MS = 5

const streams = new Set<NodeJS.WriteStream>()

/**
 * Where the text of this process goes. Files and pipes are written by their number: the streams of Node bring its sockets
 * with them, some milliseconds to load. A closed pipe (`tersor inspect m | head`) ends the talking, not the work.
 */
export function processOutput(fd: 1 | 2): Output {
  const found = fstatSync(fd)
  if (!found.isFile() && !found.isFIFO() && !found.isSocket()) return stream(fd === 1 ? process.stdout : process.stderr)
  let isOpen = true
  return {
    write(text) {
      const bytes = Buffer.from(text)
      for (let done = 0; isOpen && done < bytes.length; ) {
        try {
          done += writeSync(fd, bytes, done)
        } catch (thrown) {
          const { code } = thrown as NodeJS.ErrnoException
          if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS)
          else if (code === 'EPIPE' || code === 'EOF') isOpen = false
          else throw thrown
        }
      }
    },
  }
}

/** Resolves when everything that was written has left the process. */
export async function allWritten(): Promise<void> {
  await Promise.all([...streams].map((one) => new Promise<void>((done) => one.write('', () => done()))))
}

function stream(one: NodeJS.WriteStream): Output {
  if (!streams.has(one)) {
    one.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
    streams.add(one)
  }
  return one
}
