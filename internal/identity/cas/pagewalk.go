package cas

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// reader collects the forms of a parsed page.
type reader struct {
	base    *url.URL
	based   bool
	forms   []*form
	strays  []stray // controls that name a form by its id
	version string
	refuse  Reason
}

type stray struct {
	form string
	c    field
}

// walk goes through the tree; in is the form around n. The parser bounds the depth.
func (r *reader) walk(n *html.Node, in *form) {
	if n.Type == html.ElementNode {
		in = r.element(n, in)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.walk(c, in)
	}
}

// element takes one element in; it gives the form that its children are in.
func (r *reader) element(n *html.Node, in *form) *form {
	switch n.Data {
	case "form":
		return r.open(n)
	case "base":
		r.rebase(n)
	case "meta":
		r.meta(n)
	case "input", "button", "select", "textarea":
		r.control(n, in)
	case "code":
		r.shownVersion(n)
	}
	return in
}

func (r *reader) open(n *html.Node) *form {
	f := &form{id: attr(n, "id"), method: strings.ToLower(attr(n, "method")), encoding: strings.ToLower(attr(n, "enctype"))}
	if f.method == "" {
		f.method = "get"
	}
	// An empty action is the page's own address; that of the page, not of its base.
	if u, err := url.Parse(strings.TrimSpace(attr(n, "action"))); err == nil {
		f.action = r.base.ResolveReference(u)
		f.action.Fragment = ""
	}
	if r.forms = append(r.forms, f); len(r.forms) > maxForms {
		r.refuse = ReasonFields
	}
	return f
}

func (r *reader) rebase(n *html.Node) {
	u, err := url.Parse(attr(n, "href"))
	if err != nil {
		r.refuse = ReasonElsewhere
		return
	}
	if !r.based && attr(n, "href") != "" {
		r.base, r.based = r.base.ResolveReference(u), true
	}
}

func (r *reader) meta(n *html.Node) {
	switch equiv := strings.ToLower(strings.TrimSpace(attr(n, "http-equiv"))); {
	case equiv == "refresh":
		r.refuse = ReasonRefresh
	case attr(n, "charset") != "" && !utf8Name(attr(n, "charset")):
		r.refuse = ReasonCharset
	case equiv == "content-type":
		if _, c, found := strings.Cut(strings.ToLower(attr(n, "content")), "charset="); found && !utf8Name(c) {
			r.refuse = ReasonCharset
		}
	}
}

// control takes a control in, if a browser would send it without a press on it. A button
// counts only where it carries the event: CAS's own forms name it in a hidden field.
func (r *reader) control(n *html.Node, in *form) {
	c := field{name: attr(n, "name"), value: attr(n, "value"), kind: strings.ToLower(strings.TrimSpace(attr(n, "type")))}
	switch n.Data {
	case "button":
		if !strings.HasPrefix(c.name, fieldEvent) {
			return
		}
		c.kind = "button"
	case "select", "textarea":
		c.kind, c.value = n.Data, ""
	default:
		switch c.kind {
		case "":
			c.kind = "text"
		case "submit", "image", "reset", "button", "file":
			return
		case "checkbox", "radio":
			if !has(n, "checked") {
				c.value = ""
			}
		}
	}
	if c.name == "" || has(n, "disabled") {
		return
	}
	if id := attr(n, "form"); id != "" {
		r.strays = append(r.strays, stray{id, c})
		return
	}
	if in != nil {
		in.fields = append(in.fields, c)
	}
}

// adopt gives the strays to their forms.
func (r *reader) adopt() {
	for _, s := range r.strays {
		for _, f := range r.forms {
			if f.id == s.form {
				f.fields = append(f.fields, s.c)
				break
			}
		}
	}
}

// shownVersion: CAS shows its version in <code class="version">, if it is let to.
func (r *reader) shownVersion(n *html.Node) {
	if r.version != "" || attr(n, "class") != "version" || n.FirstChild == nil || n.FirstChild.Type != html.TextNode {
		return
	}
	if m := versionForm.FindStringSubmatch(strings.TrimSpace(n.FirstChild.Data)); m != nil {
		r.version = m[1]
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return true
		}
	}
	return false
}
