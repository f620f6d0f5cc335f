import { TersorError } from '../../errors.ts'

/** Whose external data it is, for messages. */
export interface ExternalOwner {
  readonly label: string
  readonly tensor: string
}

/**
 * A location as a plain path below the model's folder, with '/' between parts; anything else is E_FORMAT:
 * absolute, with drive letter, backslash or NUL, and any way upwards. Links are the opener's business.
 */
export function checkLocation(location: string, owner: ExternalOwner): string {
  const parts = location.split('/').filter((part) => part !== '.' && part !== '')
  const refusal =
    location === '' || parts.length === 0
      ? 'is empty'
      : location.includes('\0')
        ? 'holds a NUL byte'
        : location.startsWith('/')
          ? 'is absolute'
          : location.includes('\\')
            ? 'holds a backslash'
            : /^[A-Za-z]:|^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(location)
              ? 'names a drive or an address'
              : parts.includes('..')
                ? 'leaves the folder of the model'
                : null
  if (refusal === null) return parts.join('/')
  throw new TersorError(
    'E_FORMAT',
    `${owner.label}: tensor "${owner.tensor}" has its data in ${JSON.stringify(location)}, a location that ${refusal}`,
    { where: owner.label, hint: 'External data must be a file in the folder of the model.' },
  )
}

/** A decimal number of bytes, as external data entries hold it. */
export function parseCount(text: string, entry: string, owner: ExternalOwner): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw new TersorError(
    'E_FORMAT',
    `${owner.label}: tensor "${owner.tensor}" has external data with ${entry} ${JSON.stringify(text)}, expected a number of bytes`,
    { where: owner.label },
  )
}
