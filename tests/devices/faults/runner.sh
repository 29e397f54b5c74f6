# A runner that speaks lab-bench's protocol and computes nothing, in the shell of any device. The faults of one
# repetition are chosen by what stands before it: FAULT, and AT, the number of the `run` (from 0) that has it.
verb=$1 prompt=8 generate=4 depth=0 threads=2 bytes=1 verify=
shift
while [ $# -gt 0 ]; do
  case $1 in
    --prompt) prompt=$2 ;; --generate) generate=$2 ;; --depth) depth=$2 ;; --threads) threads=$2 ;;
    --bytes) bytes=$2 ;; --verify) verify=yes ;;
  esac
  shift
done
ran_on='{"device":"cpu","arch":"any","cpu_model":"Example 9000","features":["avx2"],"isa":"avx2","engine":"tvm 0.27.0","threads":'$threads',"pool":"lab","bound":false,"metadata":{}}'
counters='{"VmHWM":90000,"VmRSS":80000,"RssAnon":70000,"RssFile":10000,"VmSwap":0,"major_faults":2}'

fail() {
  case $FAULT in
    talk) while echo "{\"event\":\"token\",\"i\":$i,\"t_ns\":8000000000,\"id\":$i}"; do i=$((i + 1)); sleep 0.1; done; exit 1 ;;
    eat) exec tail /dev/zero ;;
  esac
}

run() {
  number=$(cat "$0.runs" 2>/dev/null || echo 0)
  echo $((number + 1)) >"$0.runs"
  echo "{\"event\":\"start\",\"protocol\":1,\"runner\":\"fake 0\",\"t_ns\":5000000000,\"threads\":$threads,\"pid\":$$}"
  echo "{\"event\":\"loaded\",\"t_ns\":5700000000,\"load_ns\":700000000,\"weights_bytes\":4096,\"kv_bytes\":100,\"ran_on\":$ran_on}"
  if [ -n "$verify" ]; then
    echo '{"event":"verify","rel_error":0.001,"rel_error_max":0.05,"argmax_match":true,"passed":true}'
  fi
  echo '{"event":"warmup","index":0,"prefill_ns":50000000,"decode_ns":[20000000,20000000]}'
  echo '{"event":"warm","count":1,"stable":true}'
  echo "{\"event\":\"submit\",\"t_ns\":7000000000,\"prompt\":$prompt,\"depth\":$depth}"
  i=0
  [ "$number" = "$AT" ] && fail
  while [ $i -lt $generate ]; do
    echo "{\"event\":\"token\",\"i\":$i,\"t_ns\":$((7100 + 20 * i))000000,\"id\":$i}"
    i=$((i + 1))
  done
  echo "{\"event\":\"memory\",\"counters\":$counters,\"rss_anon_peak_bytes\":null,\"workspace_bytes\":null}"
  echo "{\"event\":\"end\",\"t_ns\":9900000000,\"status\":\"ok\",\"prompt_tokens\":$prompt,\"generated_tokens\":$generate}"
}

case $verb in
  bandwidth) echo "{\"event\":\"bandwidth\",\"threads\":$threads,\"bytes\":$bytes,\"loop\":\"avx2\",\"bytes_per_s\":[3e10,3.1e10]}" ;;
  peak) echo "{\"event\":\"peak\",\"threads\":$threads,\"int8_loop\":\"a\",\"f32_loop\":\"b\",\"int8_ops_per_s\":[4e11],\"f32_ops_per_s\":[1e11]}" ;;
  stage) echo '{"event":"staged","bytes":8000,"huge_bytes":6000}' ;;
  info) echo '{"event":"info","protocol":1,"runner":"fake","arch":"any","cpu_model":"Example 9000","features":["avx2"],"cores":2,"page_size":4096,"mem_available_bytes":null,"engine":"none"}' ;;
  run) run ;;
esac
