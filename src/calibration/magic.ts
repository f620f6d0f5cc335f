// First bytes of files: apart from what reads them, so that telling kinds apart loads no reader.

export const NPY_MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
export const ZIP_MAGIC: readonly number[] = [0x50, 0x4b]
