import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

export interface Served {
  readonly address: string
  close(): Promise<void>
}

/** Answers on 127.0.0.1 from `files`, whole or by range; everything else is 404. */
export async function serve(files: (path: string) => Uint8Array | undefined): Promise<Served> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const bytes = files(path)
    if (bytes === undefined) {
      response.writeHead(404).end()
      return
    }
    const headers = { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'accept-ranges': 'bytes' }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    if (range === null) {
      response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes)
      return
    }
    const [start, last] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)]
    response
      .writeHead(206, {
        ...headers,
        'content-length': last - start + 1,
        'content-range': `bytes ${start}-${last}/${bytes.length}`,
      })
      .end(bytes.subarray(start, last + 1))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
