import { TersorError } from '../errors.ts'

/** Throws E_FORMAT unless [start, end) lies inside `byteLength` bytes. */
export function checkRange(label: string, byteLength: number, start: number, end: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= byteLength)
    return
  throw new TersorError('E_FORMAT', `${label}: bytes ${start} to ${end} asked for, the file has ${byteLength}`, {
    where: label,
    hint: 'The file is probably truncated; get it again.',
  })
}

/** Throws E_ABORTED when `signal` has fired. */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: signal.reason })
}
