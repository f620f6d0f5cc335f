export { fastAffine as exactAffine } from './fast-affine.ts'
