"""A web server on this machine that misbehaves as it is told."""

import hashlib
import http.server
import re
import threading


class Script:
    """How one path is served. Each request takes the next of `acts`; the last
    one stays. An act is a dict:

    status: answer that instead of the file      cut: close after so many bytes
    ranges: False = always send all              say: Content-Length to claim
    etag: the version                            location: redirect there
    body: send other bytes                       first: lie in Content-Range
    wait: an event to wait for before the body   drip: seconds between pieces
    plain: True = no length at all
    """

    def __init__(self, data, *acts):
        self.data, self.acts = data, list(acts) or [{}]
        self.requests = []  # (Range, If-Range) of each.

    def next(self, headers):
        self.requests.append((headers.get("Range"), headers.get("If-Range")))
        return self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        script = self.server.scripts.get(self.path)
        if script is None:
            return self.answer(404)
        act = script.next(self.headers)
        if "location" in act:
            return self.answer(302, Location=act["location"])
        if "status" in act:
            return self.answer(act["status"])
        self.send_file(act, act.get("body", script.data))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, act, data):
        etag = act.get("etag", '"%s"' % hashlib.md5(data).hexdigest())
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", etag) == etag
        begin = 0
        if wanted and act.get("ranges", True) and same:
            begin = int(wanted[1])
            if begin >= len(data):
                return self.answer(416, Content_Range=f"bytes */{len(data)}")
            first = act.get("first", begin)
            self.send_response(206)
            self.send_header("Content-Range",
                             f"bytes {first}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        if act.get("plain"):
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length",
                             str(act.get("say", len(data) - begin)))
        self.end_headers()
        self.send_body(act, data[begin:])

    def send_body(self, act, data):
        if "cut" in act:
            data = data[:act["cut"]]
        piece = 1 << 16
        for at in range(0, len(data), piece):
            if "wait" in act and at > 0:
                self.wfile.flush()
                act["wait"].wait(60)
            if "drip" in act:
                self.server.pause.wait(act["drip"])
            try:
                self.wfile.write(data[at:at + piece])
            except OSError:
                break  # The client has had enough.
        if "cut" in act or "say" in act:
            self.close_connection = True


class FlakyServer:
    """Serves scripts by path until it is closed."""

    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                       Handler)
        self._server.daemon_threads = True
        self._server.scripts = {}
        self._server.pause = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        args=(0.05,), daemon=True)
        self._thread.start()

    def serve(self, path, data, *acts):
        """Returns the script, and has `url(path)` follow it."""
        script = Script(data, *acts)
        self._server.scripts[path] = script
        return script

    def url(self, path):
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def close(self):
        self._server.pause.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
