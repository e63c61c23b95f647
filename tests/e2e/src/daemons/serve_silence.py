# Takes requests on an ephemeral port of the loopback, counts them, and never answers.
import http.server, itertools, threading

count = itertools.count(1)


class Silence(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print("ASKED", next(count), flush=True)
        threading.Event().wait()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silence)
print(f"LISTEN http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
