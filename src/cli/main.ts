#!/usr/bin/env node
import { VERSION } from '../version.ts'
import { startThreads } from './early-threads.ts'
import { allWritten, processOutput } from './process-output.ts'

// What this file imports is opened before the threads start: files of its own, not shared with others.
// Nothing is awaited at the top: the built file is CommonJS.
const words = process.argv.slice(2)

if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) processOutput(1).write(`${VERSION}\n`)
else if (words.length === 0 || (words.length === 1 && (words[0] === '--help' || words[0] === '-h'))) void help()
else void run(startThreads(words))

async function help(): Promise<void> {
  const asked = words.length > 0
  processOutput(asked ? 1 : 2).write((await import('./help.ts')).overview())
  if (!asked) process.exitCode = 2
}

async function run(threads: ReturnType<typeof startThreads>): Promise<void> {
  const code = await (await import('./start.ts')).start(words, threads, processOutput)
  // Workers of a failed run must not keep the process; what was written must leave it first.
  await allWritten()
  process.exit(code)
}
