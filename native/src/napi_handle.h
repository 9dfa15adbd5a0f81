// C++ objects behind JavaScript ones.
#pragma once
#include "napi_values.h"

namespace paceline::js {

// What a JavaScript object of class T holds; `object` is null once disposed. Others may hold the C++ object too.
template <typename T>
struct Handle {
  std::shared_ptr<T> object;
  int64_t reported = 0;  // bytes that the garbage collector knows of

  // Tells the collector what an unreachable handle would give back.
  void report(napi_env env, size_t bytes) {
    int64_t total;
    napi_adjust_external_memory(env, static_cast<int64_t>(bytes) - reported, &total);
    reported = static_cast<int64_t>(bytes);
  }
};

// Of each class: what it is called, and a mark of its objects that JavaScript cannot forge.
template <typename T>
struct ClassInfo;

template <typename T>
Handle<T>& handleOf(napi_env env, napi_value value) {
  bool ours = false;
  const napi_valuetype type = typeOf(env, value);
  if (type == napi_object) check(env, napi_check_object_type_tag(env, value, &ClassInfo<T>::tag, &ours));
  if (!ours) throw argumentError(std::string("expected a ") + ClassInfo<T>::name);
  void* handle = nullptr;
  check(env, napi_unwrap(env, value, &handle));
  return *static_cast<Handle<T>*>(handle);
}

template <typename T>
std::shared_ptr<T> objectOf(napi_env env, napi_value value) {
  const std::shared_ptr<T>& object = handleOf<T>(env, value).object;
  if (!object) throw argumentError(std::string("this ") + ClassInfo<T>::name + " was disposed of");
  return object;
}

// The end of a constructor: `this` now stands for `object`.
template <typename T>
napi_value bind(const Call& call, std::shared_ptr<T> object, size_t bytes) {
  std::unique_ptr<Handle<T>> handle(new Handle<T>{std::move(object)});
  const auto finalize = [](napi_env env, void* data, void*) {
    Handle<T>* finished = static_cast<Handle<T>*>(data);
    finished->report(env, 0);
    delete finished;
  };
  check(call.env, napi_wrap(call.env, call.self, handle.get(), finalize, nullptr, nullptr));
  Handle<T>* wrapped = handle.release();
  check(call.env, napi_type_tag_object(call.env, call.self, &ClassInfo<T>::tag));
  wrapped->report(call.env, bytes);
  return call.self;
}

template <typename T>
void expectNew(const Call& call) {
  if (!call.constructs) throw argumentError(std::string("call new ") + ClassInfo<T>::name);
}

template <typename T>
napi_value dispose(const Call& call) {
  Handle<T>& handle = handleOf<T>(call.env, call.self);
  handle.object.reset();
  handle.report(call.env, 0);
  return nullptr;
}

// One napi_property_descriptor each.
template <napi_value (*function)(const Call&)>
napi_property_descriptor method(const char* name) {
  return {name, nullptr, callback<function>, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

template <napi_value (*function)(const Call&)>
napi_property_descriptor getter(const char* name) {
  return {name, nullptr, nullptr, callback<function>, nullptr, nullptr, napi_enumerable, nullptr};
}

// Adds class T to the module's exports.
template <typename T>
void defineClass(napi_env env, napi_value exports, napi_callback constructor,
                 const std::vector<napi_property_descriptor>& members) {
  napi_value result;
  check(env, napi_define_class(env, ClassInfo<T>::name, NAPI_AUTO_LENGTH, constructor, nullptr, members.size(),
                               members.data(), &result));
  check(env, napi_set_named_property(env, exports, ClassInfo<T>::name, result));
}

}  // namespace paceline::js
