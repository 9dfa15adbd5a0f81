import { tensor, zeros } from '../tensor.ts'
import { encode } from './encode.ts'
import { assemble } from './mutate.ts'

/** Valid files to damage: small, so that a mutation is likely to hit something that matters. */
export function fuzzSeeds(): Uint8Array[] {
  const encoded = (...args: Parameters<typeof encode>) => new Uint8Array(Buffer.concat(encode(...args)))
  const metadata = new Map([['format', 'pt']])
  const layers = Array.from({ length: 12 }, (_, i) => ({
    name: `model.layers.${i}.mlp.up_proj.weight`,
    tensor: zeros(i % 2 ? 'bf16' : 'f32', [3, i]),
  }))
  return [
    encoded([], new Map(), 'empty'),
    encoded([{ name: 'a', tensor: tensor('f32', [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5)) }], metadata, 'one'),
    encoded(layers, metadata, 'layers'),
    encoded(
      [
        { name: '__proto__', tensor: zeros('i64', []) },
        { name: 'constructor', tensor: zeros('bool', [7]) },
        { name: 'ключ "\\\n😀', tensor: zeros('f16', [5]) },
        { name: '', tensor: zeros('i32', [0, 4]) },
      ],
      new Map([['__proto__', '']]),
      'names',
    ),
    assemble(
      '{"q":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]},"r":{"dtype":"F8_E4M3","shape":[5],"data_offsets":[3,8]},' +
        '"s":{"shape":[1],"extra":{"note":[1.5,null,"x"]},"data_offsets":[8,16],"dtype":"F64"}}   ',
      new Uint8Array(16),
    ),
  ]
}
