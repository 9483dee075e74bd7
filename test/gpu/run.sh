#!/usr/bin/env bash
# Everything that needs a real GPU, on a bare machine: only the driver, a CUDA toolkit (or PyTorch) and what
# scripts/gpu-payload.mjs packed into .gpu. Parts can be named; one that fails or takes too long stops no other.
#
#     node scripts/gpu-payload.mjs                  # here
#     OUT=results bash test/gpu/run.sh [part…]      # there, in the repository's root
#
# parts: devices rates laws engine soak sanitizer step profile peer layer8b layer70b
# $OUT gets log.txt, tests.jsonl, engine.json, bench.jsonl, peer.json, smi.txt and, from all of them, summary.json.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${OUT:-$root/out/gpu}
work=${GPU_WORK:-/tmp/denoise-rotator-gpu}
mkdir -p "$out" "$work"
out=$(cd "$out" && pwd)
log=$out/log.txt
: >"$log"
export RESULTS_JSON=$out/tests.jsonl DENOISE_ROTATOR_TEST_GPU=real XDG_CACHE_HOME=$work/cache

unpack() { if command -v xz >/dev/null; then xz -dc "$1"; else python3 -c 'import lzma,shutil,sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"; fi; }
if [ ! -x "$work/node" ]; then
  unpack "$root/.gpu/node.xz" >"$work/node" && chmod +x "$work/node"
  unpack "$root/.gpu/payload.tar.xz" | tar -x -C "$work"
fi
node=$work/node
nvidia-smi >"$out/smi.txt" 2>&1

# part name, seconds at most, command…
part() {
  local name=$1 limit=$2 start=$SECONDS
  shift 2
  echo "── $name" | tee -a "$log"
  timeout -k 5 "$limit" "$@" >>"$log" 2>&1
  local status=$?
  # What a part that was stopped left behind.
  rm -rf /dev/shm/cuda-bench-*
  echo "{\"part\":\"$name\",\"status\":$status,\"seconds\":$((SECONDS - start))}" >>"$out/parts.jsonl"
  echo "   $name: exit code $status after $((SECONDS - start)) s" | tee -a "$log"
}
tests() { # bundles of tests whose names match
  local failed=0
  for file in "$work"/dist/test-$1.mjs; do
    (cd "$work" && "$node" --test-reporter="$root/test/gpu/reporter.mjs" --test-reporter-destination=stdout "$file") || failed=1
  done
  return $failed
}
bench() { (cd "$work" && "$node" --expose-gc dist/bench-cuda.mjs "$@") >>"$out/bench.jsonl" && echo >>"$out/bench.jsonl"; }
devices() { "$node" "$work/dist/cli.js" devices; }
laws() { # side by side, but for the one that fills the device
  local failed=0 jobs=() name
  tests device || failed=1
  for file in "$work"/dist/test-*.mjs; do
    name=$(basename "$file" .mjs)
    case $name in test-device | test-soak) continue ;; esac
    tests "${name#test-}" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  return $failed
}
engine() { "$node" "$root/test/gpu/engine.mjs" "$node" "$work/dist/cli.js" "$root/media/sample" "$work/engine" "$out/engine.json"; }
sanitizer() {
  local tool
  tool=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)
  [ -n "$tool" ] || { echo "no compute-sanitizer here"; return 3; }
  (cd "$work" && RESULTS_JSON='' "$tool" --tool memcheck --error-exitcode 9 --print-limit 20 \
    "$node" --test-reporter="$root/test/gpu/reporter.mjs" --test-reporter-destination=stdout dist/test-fused.mjs)
}
peer() { python3 "$root/test/bench/peer_rotation.py" --shape "$shape" --out "$out/peer.json"; }
export -f tests bench devices laws engine sanitizer peer
# Smaller on an emulated GPU, to try the script itself: GPU_SHAPES="tiny tiny 64".
read -r shape large size <<<"${GPU_SHAPES:-8b 70b 8192}"
export root out work node shape large size

wanted=("$@")
[ $# -gt 0 ] || wanted=(devices rates laws engine soak sanitizer step profile peer layer8b layer70b)
for name in "${wanted[@]}"; do
  case $name in
    devices) part devices 30 bash -c devices ;;
    rates) part rates 60 bash -c 'bench rates:$size layouts:$shape' ;;
    profile) part profile 60 bash -c 'bench profile:$shape' ;;
    laws) part laws 150 bash -c laws ;;
    engine) part engine 90 bash -c engine ;;
    soak) part soak 60 bash -c 'tests soak' ;;
    sanitizer) part sanitizer 120 bash -c sanitizer ;;
    step) part step 60 bash -c 'bench step:$shape' ;;
    peer) part peer 60 bash -c peer ;;
    layer8b) part layer8b 150 bash -c 'bench layer:$shape' ;;
    layer70b) part layer70b 180 bash -c 'bench layer:$large' ;;
    *) echo "no part $name" ;;
  esac
done
"$node" "$root/test/gpu/summary.mjs" "$out" | tee -a "$log"
