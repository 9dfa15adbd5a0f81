{
  # Every instruction set has a library of its own, compiled for it alone; the rest runs on any processor of the
  # architecture. Multiplications and additions are contracted only where the code says so: a row's bits depend on it.
  'target_defaults': {
    'cflags': ['-O3', '-Wall', '-Wextra', '-ffp-contract=off', '-fvisibility=hidden'],
    'cflags_cc': ['-std=c++17', '-fexceptions'],
    'cflags_cc!': ['-fno-exceptions', '-std=gnu++17', '-std=gnu++1y', '-std=gnu++20'],
    'xcode_settings': {
      'GCC_OPTIMIZATION_LEVEL': '3',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
      'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'ExceptionHandling': 1,
        'Optimization': 2,
        'AdditionalOptions': ['/std:c++17', '/fp:precise'],
      },
    },
    'defines': ['NAPI_VERSION=8'],
  },
  'targets': [
    {
      'target_name': 'paceline',
      'sources': [
        'src/addon.cc',
        'src/addon_program.cc',
        'src/attention.cc',
        'src/cache.cc',
        'src/compile.cc',
        'src/kernels.cc',
        'src/kernels_portable.cc',
        'src/memory.cc',
        'src/pool.cc',
        'src/program.cc',
        'src/weight.cc',
      ],
      # Compiled for the processor they are for, or for any other: then they say that this build has no such table.
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['avx2', 'avx512']},
          {'sources': ['src/kernels_avx2.cc', 'src/kernels_avx512.cc']}],
        ['target_arch=="arm64"', {'dependencies': ['neon']}, {'sources': ['src/kernels_neon.cc']}],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'avx2',
          'type': 'static_library',
          'sources': ['src/kernels_avx2.cc'],
          'cflags': ['-mavx2', '-mfma', '-mf16c'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma', '-mf16c']},
          'msvs_settings': {'VCCLCompilerTool': {'EnableEnhancedInstructionSet': 5}},
        },
        {
          'target_name': 'avx512',
          'type': 'static_library',
          'sources': ['src/kernels_avx512.cc'],
          'cflags': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni', '-mfma', '-mf16c'],
          'xcode_settings': {
            'OTHER_CPLUSPLUSFLAGS': [
              '-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni', '-mfma', '-mf16c',
            ],
          },
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['/arch:AVX512']}},
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'neon',
          'type': 'static_library',
          'sources': ['src/kernels_neon.cc'],
          'cflags': ['-march=armv8.2-a+dotprod'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-march=armv8.2-a+dotprod']},
        },
      ],
    }],
  ],
}
