// libnvrtc.so.12: "compiles" CUDA C with g++ into a shared object, whose bytes stand for the cubin. Kept beside the
// library, by content.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

enum Result {
  SUCCESS = 0,
  INVALID_INPUT = 3,
  INVALID_PROGRAM = 4,
  INVALID_OPTION = 5,
  COMPILATION = 6,
  INTERNAL_ERROR = 11,
};

namespace {

const int ARCHITECTURES[] = {80, 86, 87, 89, 90, 100, 101, 103, 120, 121};

struct Program {
  std::string source, name, log, cubin;
};

std::string here() {
  Dl_info info;
  dladdr(reinterpret_cast<void*>(&here), &info);
  const std::string path = info.dli_fname;
  return path.substr(0, path.rfind('/'));
}

std::string readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void writeFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string hashOf(const std::string& text) {
  // FNV-1a, twice with different starts: 128 bits are plenty for a test's cache.
  uint64_t a = 1469598103934665603ull, b = 1099511628211ull;
  for (unsigned char byte : text) {
    a = (a ^ byte) * 1099511628211ull;
    b = (b ^ byte) * 0x9E3779B97F4A7C15ull + 1;
  }
  char hex[33];
  std::snprintf(hex, sizeof hex, "%016llx%016llx", static_cast<unsigned long long>(a),
                static_cast<unsigned long long>(b));
  return hex;
}

/// Runs g++; its messages go to `log`.
bool compile(const std::vector<std::string>& arguments, std::string& log) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    std::vector<char*> argv{const_cast<char*>("g++")};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execvp("g++", argv.data());
    _exit(127);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;) log.append(buffer, static_cast<size_t>(count));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// As device.hpp leaves them: threads of a block, at most.
const char* const LAUNCH_BOUNDS = R"re(EMULATED_BOUND\(([^()]*)\))re";

struct Kernel {
  std::string name, most_threads;
};

std::vector<Kernel> kernelsOf(const std::string& preprocessed) {
  static const std::regex pattern(std::string(R"re(extern\s*"C"\s*__global__\s+void\s+(?:)re") + LAUNCH_BOUNDS +
                                  R"re(\s*)?(\w+)\s*\()re");
  std::vector<Kernel> kernels;
  for (std::sregex_iterator at(preprocessed.begin(), preprocessed.end(), pattern), end; at != end; ++at) {
    kernels.push_back({(*at)[2], (*at)[1].matched ? std::string((*at)[1]) : "1024"});
  }
  return kernels;
}

std::string trampolines(const std::vector<Kernel>& kernels, int architecture, bool cooperates) {
  std::ostringstream out;
  out << "\nnamespace {\n";
  for (const auto& [name, most_threads] : kernels) {
    out << "void emulated_call_" << name << "(const unsigned char* p) { emulated_call(&" << name << ", p); }\n";
  }
  out << "const EmulatedKernel emulated_kernels[] = {\n";
  for (const auto& [name, most_threads] : kernels) {
    out << "  emulated_kernel(\"" << name << "\", emulated_call_" << name << ", &" << name << ", " << most_threads
        << "),\n";
  }
  out << "  {}};\n}\n"
      << "extern \"C\" __attribute__((visibility(\"default\"))) const EmulatedModule emulated_module = {"
      << architecture << ", " << cooperates
      << ", &emulated_runtime, &threadIdx, &blockIdx, &blockDim, &gridDim, &emulated_dynamic_shared,"
         " __start_emulated_shared, __stop_emulated_shared, emulated_kernels, "
      << kernels.size() << "};\n";
  return out.str();
}

/// What may make a thread wait, after macros are expanded.
bool waits(const std::string& preprocessed) {
  static const std::regex pattern(R"(block_barrier|__(shfl|ballot|any|all|syncwarp)\w*\s*\()");
  return std::regex_search(preprocessed, pattern);
}

struct Options {
  int architecture = 0;
  std::vector<std::string> defines;
};

bool parse(int count, const char* const* given, Options& options, std::string& log) {
  static const std::set<std::string> ignored = {
      "--use_fast_math", "-use_fast_math", "--std=c++17", "-std=c++17", "-default-device", "--device-as-default-execution-space",
      "-lineinfo", "--generate-line-info", "--extra-device-vectorization", "--fmad=true", "--fmad=false", "-fmad=true", "-fmad=false",
      "--restrict", "-restrict", "-w", "--disable-warnings", "--split-compile=0", "--ftz=true", "--ftz=false"};
  static const std::regex architecture(R"((?:--gpu-architecture|-arch)=sm_(\d+)a?)");
  for (int i = 0; i < count; i++) {
    const std::string option = given[i];
    std::smatch match;
    if (std::regex_match(option, match, architecture)) options.architecture = std::stoi(match[1]);
    else if (option.rfind("-D", 0) == 0) options.defines.push_back(option);
    else if (option.rfind("--define-macro=", 0) == 0) options.defines.push_back("-D" + option.substr(15));
    else if (ignored.count(option) == 0) {
      log = "nvrtc: error: invalid value for " + option;
      return false;
    }
  }
  if (options.architecture == 0) log = "emulation: name a real architecture (--gpu-architecture=sm_90)";
  return options.architecture != 0;
}

Result build(Program& program, const Options& options) {
  const std::string folder = here();
  std::string key = program.source + "\n" + std::to_string(options.architecture);
  for (const std::string& define : options.defines) key += define;
  const std::string kept = folder + "/programs/" + hashOf(key) + ".so";
  program.cubin = readFile(kept);
  if (!program.cubin.empty()) return SUCCESS;

  mkdir((folder + "/programs").c_str(), 0777);
  const std::string base = kept + "." + std::to_string(getpid());
  const std::string source = base + ".cu.cpp", expanded = base + ".ii", object = base + ".so";
  // Nothing of the program is visible outside: templates with shared memory would else clash with plain functions.
  writeFile(source, "#include \"device.hpp\"\nnamespace {\n#line 1 \"" + program.name + "\"\n" + program.source + "\n}\n");
  std::vector<std::string> preprocess = {"-std=c++17", "-E", "-x", "c++", "-I", folder, "-DEMULATED",
                                         "-DEMULATED_ARCHITECTURE=" + std::to_string(options.architecture),
                                         source, "-o", expanded};
  preprocess.insert(preprocess.end(), options.defines.begin(), options.defines.end());
  bool ok = compile(preprocess, program.log);
  if (ok) {
    std::string text = readFile(expanded);
    const size_t start = text.find("\"" + program.name + "\"");
    const std::string own = start == std::string::npos ? text : text.substr(start);
    const std::string tail = trampolines(kernelsOf(own), options.architecture, waits(own));
    text = std::regex_replace(text, std::regex("__global__"), "__attribute__((noinline))");
    text = std::regex_replace(text, std::regex(LAUNCH_BOUNDS), "");
    writeFile(expanded, text + tail);
    ok = compile({"-std=c++17", "-O2", "-fno-strict-aliasing", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared",
                  "-fvisibility=hidden", "-w", "-fpreprocessed", "-x", "c++-cpp-output", expanded, "-o", object, "-lm"},
                 program.log);
  }
  if (ok) {
    program.cubin = readFile(object);
    std::rename(object.c_str(), kept.c_str());
  }
  for (const std::string& path : {source, expanded, object}) unlink(path.c_str());
  return ok ? SUCCESS : COMPILATION;
}

}  // namespace

EXPORT Result nvrtcVersion(int* major, int* minor) {
  *major = 12;
  *minor = 9;
  return SUCCESS;
}
EXPORT const char* nvrtcGetErrorString(int result) {
  switch (result) {
    case SUCCESS: return "NVRTC_SUCCESS";
    case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case COMPILATION: return "NVRTC_ERROR_COMPILATION";
    default: return "NVRTC_ERROR_INTERNAL_ERROR";
  }
}
EXPORT Result nvrtcCreateProgram(Program** program, const char* source, const char* name, int headers, const char**,
                                 const char**) {
  if (source == nullptr || headers != 0) return INVALID_INPUT;
  *program = new Program{source, name == nullptr ? "default_program" : name, "", ""};
  return SUCCESS;
}
EXPORT Result nvrtcDestroyProgram(Program** program) {
  if (program == nullptr || *program == nullptr) return INVALID_PROGRAM;
  delete *program;
  *program = nullptr;
  return SUCCESS;
}
EXPORT Result nvrtcCompileProgram(Program* program, int count, const char* const* given) {
  Options options;
  if (!parse(count, given, options, program->log)) return INVALID_OPTION;
  return build(*program, options);
}
EXPORT Result nvrtcGetCUBINSize(Program* program, size_t* bytes) {
  *bytes = program->cubin.size();
  return SUCCESS;
}
EXPORT Result nvrtcGetCUBIN(Program* program, char* bytes) {
  std::memcpy(bytes, program->cubin.data(), program->cubin.size());
  return SUCCESS;
}
EXPORT Result nvrtcGetProgramLogSize(Program* program, size_t* bytes) {
  *bytes = program->log.size() + 1;
  return SUCCESS;
}
EXPORT Result nvrtcGetProgramLog(Program* program, char* text) {
  std::memcpy(text, program->log.c_str(), program->log.size() + 1);
  return SUCCESS;
}
EXPORT Result nvrtcGetNumSupportedArchs(int* count) {
  *count = sizeof ARCHITECTURES / sizeof *ARCHITECTURES;
  return SUCCESS;
}
EXPORT Result nvrtcGetSupportedArchs(int* architectures) {
  std::memcpy(architectures, ARCHITECTURES, sizeof ARCHITECTURES);
  return SUCCESS;
}
EXPORT Result nvrtcGetPTXSize(Program*, size_t*) { return INTERNAL_ERROR; }
EXPORT Result nvrtcGetPTX(Program*, char*) { return INTERNAL_ERROR; }
