#!/usr/bin/env bash
# Everything that needs a real GPU, on a bare machine: only the driver, a CUDA toolkit (or PyTorch) and what
# scripts/gpu-payload.mjs packed into .gpu. Parts can be named; one that fails or takes too long stops no other, and
# what it has until then is kept. On a machine that is lent for a time, GPU_SECONDS says how long: what no longer fits is
# cut short or left out, what says most comes first.
#
#     node scripts/gpu-payload.mjs                                  # here
#     GPU_SECONDS=560 OUT=results bash test/gpu/run.sh [part…]      # there, in the repository's root
#
# parts: devices laws step layer8b layer70b engine peer rates sanitizer soak profile
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
# A machine that is kept between calls has that of an earlier one.
payload=$(cksum "$root"/.gpu/*.xz)
if [ "$payload" != "$(cat "$work/unpacked" 2>/dev/null)" ]; then
  rm -rf "$work/dist"
  unpack "$root/.gpu/node.xz" >"$work/node" && chmod +x "$work/node" &&
    unpack "$root/.gpu/payload.tar.xz" | tar -x -C "$work" && echo "$payload" >"$work/unpacked"
fi
node=$work/node
nvidia-smi >"$out/smi.txt" 2>&1

# part name, seconds at most, command…
part() {
  local name=$1 limit=$2 start=$SECONDS left=$((${GPU_SECONDS:-86400} - SECONDS))
  shift 2
  if [ "$left" -lt 10 ]; then
    echo "── $name: no time left" | tee -a "$log"
    return
  fi
  [ "$limit" -le "$left" ] || limit=$left
  echo "── $name" | tee -a "$log"
  timeout -k 5 "$limit" "$@" >>"$log" 2>&1 &
  local group=$! status
  wait "$group"
  status=$?
  # What a part that was stopped left behind: its processes, which have the card until they end, and its files.
  for _ in 1 2 3 4 5; do kill -0 -- "-$group" 2>/dev/null && sleep 1; done
  kill -KILL -- "-$group" 2>/dev/null
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
# In place of the shell, so that a part that takes too long is waited for until it has said what it measured.
bench() { echo >>"$out/bench.jsonl" && cd "$work" && exec "$node" --expose-gc dist/bench-cuda.mjs "$@" >>"$out/bench.jsonl"; }
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
sanitizer() { # every kernel of our own that a layer needs
  local tool failed=0 name
  tool=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)
  [ -n "$tool" ] || { echo "no compute-sanitizer here"; return 3; }
  for name in regroup codes fused; do
    (cd "$work" && RESULTS_JSON='' "$tool" --tool memcheck --error-exitcode 9 --print-limit 20 \
      "$node" --test-reporter="$root/test/gpu/reporter.mjs" --test-reporter-destination=stdout "dist/test-$name.mjs") || failed=9
  done
  return $failed
}
peer() { python3 "$root/test/bench/peer_rotation.py" --shape "$shape" --out "$out/peer.json"; }
export -f tests bench devices laws engine sanitizer peer
# Smaller on an emulated GPU, to try the script itself: GPU_SHAPES="tiny tiny 64".
read -r shape large size <<<"${GPU_SHAPES:-8b 70b 8192}"
export root out work node shape large size

wanted=("$@")
[ $# -gt 0 ] || wanted=(devices laws step layer8b layer70b engine peer rates sanitizer soak profile)
for name in "${wanted[@]}"; do
  case $name in
    devices) part devices 30 bash -c devices ;;
    rates) part rates 60 bash -c 'bench rates:$size layouts:$shape' ;;
    profile) part profile 60 bash -c 'bench profile:$shape' ;;
    laws) part laws 150 bash -c laws ;;
    engine) part engine 90 bash -c engine ;;
    soak) part soak 60 bash -c 'tests soak' ;;
    sanitizer) part sanitizer 180 bash -c sanitizer ;;
    step) part step 60 bash -c 'bench step:$shape' ;;
    peer) part peer 60 bash -c peer ;;
    layer8b) part layer8b 150 bash -c 'bench layer:$shape' ;;
    layer70b) part layer70b 180 bash -c 'bench layer:$large' ;;
    *) echo "no part $name" ;;
  esac
done
"$node" "$root/test/gpu/summary.mjs" "$out" | tee -a "$log"
