"""The words of hostile answers: values, headers and next pages that are no good."""

import gzip

DATES = (
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "20261121",
    "2026-W01-1", "2026-11-21T24:00:00Z", "2026-11-21T12:00:00.123456789Z", "12:00:00", "2026",
    "Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 +99999999999999",
    "1 Jan 2026 99999999999999999999:00:00 GMT", "Sat, 21 Nov 2026 12:00:00 -0000", "1 Jan 1 0:0",
    "Thu, 01 Jan 1970 00:00:00 +9999", "Nov", ", ", "-", "2026-11-21T12:00:00+99:99",
)  # fmt: skip
NUMBERS = (0, -1, 5, 10**6, 2**31, 2**53 + 1, 2**63, 2**64 - 1, -(2**63), 1.5, -0.0, 1e308, 5e-324)
TEXTS = (
    "", " ", "x", "null", "{}", "[]", "{", '{"a":', "\x00", "\r\nX-Evil: 1", "../../Workers", "%00",
    "é\u202e\U0001f600", "A" * 5000, "true", "1e999", "\ufeff{}", "WT" + "2" * 31 + "g",
    "[" * 1023, "[" * 300 + "]" * 300, '{"a":' * 900 + "1" + "}" * 900, '"\\ud800"', "NaN",
)  # fmt: skip
VALUES = (
    "null", "true", "false", "[]", "{}", "[[]]", "[null]", '["a",1,null,{}]', '{"":null}',
    '{"sid":5}', '{"task_sid":[],"task_attributes":5}', '{"5":{"above":1}}', '{"5":1,"-7":2}',
    '{"1_0":1}', '{"1":{"above":null}}',
)  # fmt: skip
# What no library writes.
RAW = (
    b"NaN", b"-Infinity", b"1e999", b"-0", b"01", b"+1", b".5", b"0x10", b"9" * 5000, b"'a'", b"",
    b"18446744073709551616", b"-9223372036854775809", b"1E-99999", b'"\\ud800"', b'"\xff\xfe"',
    b'"\xed\xa0\x80"', b'"\x00"', b'"\n"', b'{"sid":1,"sid":"WT"}', b"// x", b"tru", b'"\\x41"',
    b"[" * 900 + b"]" * 900, b"[" * 1100 + b"]" * 1100, b'{"a":' * 1020 + b"1" + b"}" * 1020,
    b"[" * 20_000, b'"' + b"\\u0000" * 50 + b'"', b'{"a":1,}', b"1 2", b"/**/1",
)  # fmt: skip

# Some of these lead to the very place that was asked for; none may lead anywhere else.
NEXT_PAGES = (
    "{other}{path}?PageToken=1", "//{other_host}{path}?PageToken=1", "\\\\{other_host}{path}?a=1",
    "{own}@{other_host}{path}?a=1", "http://u:p@{own_host}{path}?a=1", "///{other_host}",
    "{other}#{own}{path}?a=1", "{own}\\@{other_host}{path}?a=1", "/\\{other_host}{path}?a=1",
    "https://{own_host}{path}?PageToken=1", "HTTP://{other_host}{path}?a=1", "ftp://{own_host}",
    "{own}/v1/Accounts?PageToken=1", "{own}{path}/../Stolen?PageToken=1", "/v1/Stolen?PageToken=1",
    "{own}{path}/%2e%2e/Stolen?PageToken=1", "{own}{path}/?PageToken=1", "{own}{path}%20?a=1",
    "http://localhost:{other_port}{path}?PageToken=1", "http://[::1]:{other_port}{path}?a=1",
    "http://0x7f000001:{other_port}{path}?a=1", "http://2130706433:{other_port}{path}?a=1",
    "http://127.1:{other_port}{path}?PageToken=1", "http://127.0.0.1.:{other_port}{path}?a=1",
    "http://127.0.0.1%00@{other_host}{path}?PageToken=1", "http:{other_host}{path}?PageToken=1",
    "http://169.254.169.254{path}?PageToken=1", "file:///etc/passwd?PageToken=1", "javascript:1",
    "http://", "http://:0{path}?a=1", "{own}99999{path}?a=1", "http://a:b:c{path}?a=1", "http://[",
    "http://[::1{path}?PageToken=1", "{own}.evil{path}?a=1", "http://ev\u3002il{path}?a=1",
    " {own}{path}?PageToken=1", "ht\ttp://{other_host}{path}?a=1", "{own}{path}?a=\r\nHost: evil",
    "{own}{path}?PageToken=1#{other}", "{own}{path}?PageToken=é", "{own}{path}?a= b", "\x00", "é",
    "?", "", "?PageToken=%00", "?PageToken=%zz", "?PageToken=%ff%fe", "{own}{path}?", "#", "..",
    "?PageToken=1&PageToken=2", "?;;&&==", "?PageSize=-1&Page=x", "{path}?PageToken=1", "a b?c=d",
)  # fmt: skip

WAITS = (
    "0", "1", "-5", "1.5", "1e9", "inf", "nan", "1_000", " 3 ", "+3", "\u0663", "", "soon",
    "9" * 400, *DATES,
)  # fmt: skip
CONTENT_TYPES = (
    "text/html", "text/plain; charset=utf-16", "application/json; charset=\x00", "json", "", ";",
    "multipart/mixed; boundary=x", "application/problem+json", "text/html; charset=rot13", "\xff/x",
)  # fmt: skip
HEADERS = (
    "Set-Cookie", "Location", "Refresh", "Link", "Trailer", "Via", "Age", "Warning", "Alt-Svc",
    "WWW-Authenticate", "Twilio-Request-Id", "Twilio-Concurrent-Requests", "X-Rate-Limit-Limit",
    "X-Rate-Limit-Remaining", "ETag", "Date", "Connection", "Upgrade", "Keep-Alive", "Expect",
    "Content-Range", "Content-Location", "Accept-Ranges", "Proxy-Connection", "TE",
)  # fmt: skip
HEADER_VALUES = (
    "close", "keep-alive", "websocket", "h2c", "0", "1", "-1", "999999999999", "a=b; Path=/", "*",
    ",", "\xe9\x80", 'W/"3"', "=;=;", "a=\x01; expires=never", "x" * 3000, "http://169.254.1.1/",
    '"', "\xff\xfe",
)  # fmt: skip
HEADER_LINES = (
    b"no colon", b"Space : x", b" folded", b": nameless", b"X\x00Y: z", b"X: \x00", b"X: \r y",
    b"X:\n", b"\xff: x", b"X-Long: " + b"y" * 9000, b"X-Longer: " + b"y" * 70_000, b"\r\n",
    b"Y" * 9000 + b": x", b"Content-Type: a\r\nContent-Type: b", b"HTTP/1.1 200 OK",
    b"X: 1\r\n\r\n{}",
)  # fmt: skip
VERSIONS = (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2", b"http/1.1", b"ICY", b"HTTP/1.1 ", b"\x00", b"")
REASONS = (b"", b" OK", b" \xff", b" " + b"x" * 9000, b"\tOK", b" \x00")
EARLIER = (b"100 Continue", b"103 Early Hints", b"101 Upgrade", b"199 x")
BODILESS = (204, 205, 206, 301, 302, 304, 307, 308)
ERRORS = (400, 401, 403, 404, 408, 409, 410, 412, 413, 421, 425, 429, 429, 500, 502, 503, 504)

CODINGS = (
    "gzip", "deflate", "br", "zstd", "identity", "compress", "x-gzip", "GZIP", "gzip, gzip", "",
    "gzip,deflate", "\xff", "zstd, br", "gzip;q=1", "rot13",
)  # fmt: skip
BOMB = gzip.compress(b"0" * 17 * 2**20)

CHUNK_SIZES = (b"", b"-1", b"0", b"g", b"0x5", b"f" * 17, b"5;a=b", b" 5", b"5 ")
LAST_CHUNKS = (
    *[b"0\r\n\r\n"] * 6, b"0\r\n", b"", b"0\r\nX: y\r\n\r\n", b"00000\r\n\r\n", b"0",
    b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
)  # fmt: skip
TRANSFER_CODINGS = (
    *[b"chunked"] * 6, b"chunked\r\nContent-Length: 5", b"identity", b"gzip, chunked",
    b"\x0bchunked", b"chunked, chunked", b"CHUNKED, x",
)  # fmt: skip
