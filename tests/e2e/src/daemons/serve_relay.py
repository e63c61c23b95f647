# Passes requests on to a model's server, and keeps the exact bytes of each body: what leaves a host
# is what is seen here.
import http.client, http.server, sys, urllib.parse

target, kept = urllib.parse.urlparse(sys.argv[1]), sys.argv[2]
count = 0


class Relay(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global count
        body = self.rfile.read(int(self.headers["Content-Length"]))
        count += 1
        with open(f"{kept}/request-{count}", "wb") as file:
            file.write(body)
        print(f"PASSED {count}", self.path, flush=True)
        onward = http.client.HTTPConnection(target.hostname, target.port, timeout=600)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        onward.request("POST", self.path, body, headers)
        answer = onward.getresponse()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", ""))
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay)
print(f"LISTEN http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
