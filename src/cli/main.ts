#!/usr/bin/env node
import { VERSION } from '../version.ts'
import { startThreads } from './early-threads.ts'
import { allWritten, processOutput } from './process-output.ts'

// What this file imports is opened before the threads start: files of its own, not shared with others.
const words = process.argv.slice(2)

if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) processOutput(1).write(`${VERSION}\n`)
else if (words.length === 1 && (words[0] === '--help' || words[0] === '-h'))
  processOutput(1).write((await import('./help.ts')).overview())
else if (words.length === 0) {
  processOutput(2).write((await import('./help.ts')).overview())
  process.exitCode = 2
} else {
  const threads = startThreads(words)
  const code = await (await import('./start.ts')).start(words, threads, processOutput)
  // Workers of a failed run must not keep the process; what was written must leave it first.
  await allWritten()
  process.exit(code)
}
