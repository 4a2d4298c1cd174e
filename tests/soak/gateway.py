"""A gateway of a team and a service of models in one, on loopback, in any mood. It repeats the key that it is asked with wherever it can."""
import base64
import collections
import http.server
import json
import threading
import time
import urllib.parse

# In the last one its headers have the key in them as well.
MOODS = ("usual", "401", "403", "422", "500", "garbage", "page", "cut", "elsewhere", "hangs up", "headers")


class Gateway(http.server.ThreadingHTTPServer):
    """The server; `secrets` are what it tells of others, `asked` counts by key."""

    def __init__(self, secrets=None):
        super().__init__(("127.0.0.1", 0), Answers)
        self.mood, self.asked = "usual", collections.Counter()
        self.secrets = collections.defaultdict(str, secrets or {})
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Who asked has gone."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answers(http.server.BaseHTTPRequestHandler):
    def key(self):
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return base64.b64decode(key).decode() if scheme == "Basic" else key or self.headers.get("x-api-key", "")

    def answer(self):
        server, key, asked = self.server, self.key(), self.rfile.read(int(self.headers.get("content-length", 0))).decode(errors="replace")
        server.asked[key] += 1
        words = f"Not you. Received API Key = {key} ({urllib.parse.quote(key, safe='')}), not {server.secrets['of somebody else']}"
        status, headers, body = 404, {"x-litellm-version": "1.106.2", "x-litellm-call-id": f"call-{self.server.asked.total()}"}, json.dumps({"error": {"message": words, "code": "1"}, "detail": words, "request": asked})
        if server.mood in ("usual", "headers"):
            told = self.usual(key)
            status, body = (404, body) if told is None else (200, json.dumps(told))
        elif server.mood.isdigit():
            # Some write JSON like this; a key is a key in it all the same.
            status, body = int(server.mood), body.replace("/", "\\/")
        elif server.mood == "elsewhere":
            status, headers["location"] = 307, f"http://localhost:{server.server_port}/sign-in?key={key}"
        elif server.mood == "hangs up":
            return self.connection.close()
        else:
            status, body = 200, {"garbage": f"\0{{[{key}", "page": f"<!doctype html><title>{key}</title>", "cut": body[:len(body) // 2]}[server.mood]
        headers |= {"content-type": "application/json", "content-length": len(body.encode()), "retry-after": "0", "set-cookie": f"session={server.secrets['cookie']}"}
        if server.mood == "headers" and key:
            headers |= {"x-litellm-version": key, "x-litellm-call-id": f"call of {key}", "www-authenticate": f"Bearer {key}", "retry-after": key}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body.encode())

    def usual(self, key):
        """What a LiteLLM tells somebody who may see everything; its names hold the key, and its calls a prompt. Nothing where there is nothing."""
        day, now, prompt = time.strftime("%Y-%m-%d", time.gmtime()), time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()), self.server.secrets["prompt"]
        limit = {"spend": 1.5, "max_budget": 5.0, "budget_duration": "1d", "budget_reset_at": None}
        row = limit | {"token": "f" * 64, "key_name": "sk-...abcd", "key_alias": f"alias {key}", "user_id": "alice", "team_id": None, "key_type": "management", "blocked": None}
        user = limit | {"user_id": "alice", "user_alias": key, "user_email": None, "user_role": "proxy_admin", "teams": []}
        tokens = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        sums = tokens | {"spend": 1.5, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "api_requests": 1, "successful_requests": 1, "failed_requests": 0}
        keys = {row["token"]: {"metrics": sums, "metadata": {"key_alias": row["key_alias"], "user_id": "alice", "team_id": None}}}
        parts = {"models": {"house": {"metrics": sums, "metadata": {}, "api_key_breakdown": keys}}, "api_keys": keys, "entities": {}}
        call = tokens | {"request_id": "c1", "call_type": "anthropic_messages", "api_key": row["token"], "spend": 1.5, "startTime": now, "endTime": now, "model": "house",
                         "user": "alice", "team_id": "", "end_user": "", "session_id": "s", "status": "success", "request_tags": [], "messages": prompt, "response": prompt,
                         "proxy_server_request": {"authorization": key}, "metadata": {"status": "success", "user_agent": "x", "error_information": None}}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": prompt}],
                   "usage": {"input_tokens": 1000, "output_tokens": 100}}
        page = {"page": 1, "page_size": 100, "total": 1, "total_count": 1, "current_page": 1, "total_pages": 1, "total_is_capped": False}
        return {"/health/liveliness": "I'm alive!", "/public/model_hub/info": {"litellm_version": "1.106.2"}, "/key/info": {"key": row["token"], "info": row}, "/v2/user/info": user,
                "/user/list": page | {"users": [user]}, "/key/list": page | {"keys": [row]}, "/team/list": [], "/customer/list": [], "/tag/list": [], "/spend/logs/v2": page | {"data": [call]},
                "/user/daily/activity/aggregated": {"results": [{"date": day, "metrics": sums, "breakdown": parts}], "metadata": {"has_more": False}},
                "/user/update": user, "/v1/messages": message}.get(self.path.split("?")[0])

    do_GET = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *_):
        pass
