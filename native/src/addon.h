// The classes of the addon; what they look like from JavaScript is in paceline.d.ts.
#pragma once
#include "napi_handle.h"
#include "program.h"

namespace paceline::js {

template <>
struct ClassInfo<Pool> {
  static constexpr const char* name = "Pool";
  static constexpr napi_type_tag tag = {0x7061636570616365, 1};
};
template <>
struct ClassInfo<Weight> {
  static constexpr const char* name = "Weight";
  static constexpr napi_type_tag tag = {0x7061636570616365, 2};
};
template <>
struct ClassInfo<Program> {
  static constexpr const char* name = "Program";
  static constexpr napi_type_tag tag = {0x7061636570616365, 3};
};
template <>
struct ClassInfo<Cache> {
  static constexpr const char* name = "Cache";
  static constexpr napi_type_tag tag = {0x7061636570616365, 4};
};

// The table named by this value, the process's own for undefined. Throws Error when this processor does not run it.
const Kernels* kernelsNamed(napi_env env, napi_value name);

void defineProgram(napi_env env, napi_value exports);

}  // namespace paceline::js
