export { type ProtobufField, protobufFields } from './reader.ts'
export { ProtobufWriter } from './writer.ts'
