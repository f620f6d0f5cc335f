#!/usr/bin/env node
import { VERSION } from '../version.ts'
import { startThreads } from './early-threads.ts'

const words = process.argv.slice(2)
// A closed pipe (`tersor inspect m | head`) ends the talking, not the work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) process.stdout.write(`${VERSION}\n`)
else if (words.length === 1 && (words[0] === '--help' || words[0] === '-h'))
  process.stdout.write((await import('./help.ts')).overview())
else if (words.length === 0) {
  process.stderr.write((await import('./help.ts')).overview())
  process.exitCode = 2
} else {
  const threads = startThreads(words)
  const code = await (await import('./start.ts')).start(words, threads)
  // Workers of a failed run must not keep the process; what was written must leave it first.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))))
  process.exit(code)
}
