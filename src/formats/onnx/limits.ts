/** What a file may ask of us. Every limit is far above real models and far below what hurts. */

/** Leaves of at most this size are kept in memory; larger raw data and unknown fields stay in the file. */
export const SMALL_BYTES = 1024

/** One string, name or list of an attribute: larger ones do not occur in graphs people run. */
export const MAX_LEAF_BYTES = 64 * 1024 * 1024

/** Attribute strings above this are payloads (compiled blobs), not text: kept in the file, attribute kind 'other'. */
export const MAX_TEXT_BYTES = 1024 * 1024

/** All structure of a model without its tensors. 100,000 nodes take about 30 MiB. */
export const MAX_STRUCTURE_BYTES = 256 * 1024 * 1024

/** Messages and names in a model; bounds the objects made from two-byte empty messages. */
export const MAX_OBJECTS = 4_000_000

/** Numbers in all lists of attributes together, 8 bytes each in memory. */
export const MAX_LIST_NUMBERS = 16_777_216

/** Messages inside messages; protobuf's own default. Bounds recursion. */
export const MAX_DEPTH = 100

/** Graphs inside graphs; each is three messages deep. */
export const MAX_SUBGRAPHS = 32

/** Dimensions of one tensor. Runtimes stop at far fewer. */
export const MAX_RANK = 255

/** Typed data fields decode to at most eight times their size in memory, at once. */
export const MAX_TYPED_BYTES = 128 * 1024 * 1024

/** External data files of one model: each stays open. */
export const MAX_EXTERNAL_FILES = 512

/** A model file from here on gets external data; protobuf ends at 2^31 - 1, and runtimes add their own. */
export const MAX_INLINE_FILE = 1_900_000_000

/** Protobuf's limit for one message: no runtime reads a larger model file. */
export const MAX_MESSAGE_BYTES = 2_147_483_647
