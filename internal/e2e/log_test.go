package e2e

import (
	"bufio"
	"encoding/json"
	"strings"

	"portillon/internal/demo"
)

// event is a line of the tablet’s log.
type event = demo.Event

func isOutcome(kind string) func(demo.Event) bool {
	return func(e demo.Event) bool { return e.Msg == "outcome" && e.Kind == kind }
}

// request is a line of the service's log.
type request struct {
	Msg      string `json:"msg"`
	Method   string `json:"method"`
	Route    string `json:"route"`
	Status   int    `json:"status"`
	Error    string `json:"error"`
	Suberror string `json:"suberror"`
}

// requests are those to a route, without the ones about a nonce; all for "".
func (r *room) requests(route string) []request {
	r.t.Helper()
	var out []request
	sc := bufio.NewScanner(strings.NewReader(r.log.String()))
	for sc.Scan() {
		var q request
		if json.Unmarshal(sc.Bytes(), &q) != nil || q.Msg != "request" { // the table of accounts, other events
			continue
		}
		if (route == "" || q.Route == route) && q.Error != "use_dpop_nonce" {
			out = append(out, q)
		}
	}
	r.must(sc.Err())
	return out
}
