package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// parseHTML takes the text out of a page: that of its main part where it marks one, without scripts, styles and what
// leads elsewhere. Headings, lists and tables become as in Markdown.
func (f *File) parseHTML(text string) ([]member, error) {
	p, err := readPage(text, true)
	if err != nil {
		return nil, err
	}
	body := p.body()
	if body == "" {
		// A page that never ends its navigation, or is nothing else.
		if p, err = readPage(text, false); err != nil {
			return nil, err
		}
		body = p.body()
	}
	title := strings.Join(strings.Fields(p.title), " ")
	if title == "" {
		title = f.stem()
	}
	members := []member{{name: "title", text: title}}
	if p.lang != "" {
		members = append(members, member{name: "lang", text: p.lang})
	}
	return append(members, member{name: "text", text: body}), nil
}

// page is what was read of an HTML page.
type page struct {
	title, lang string
	inTitle     bool
	// skip names the element whose content is passed over, nested as deep as skipping says.
	skip     atom.Atom
	skipping int
	// leads says whether what leads elsewhere is passed over.
	leads bool
	// preformatted counts the elements that keep their space.
	preformatted int
	out          block
	// main holds the parts of the text that are within main or article, mains how deep that is, from where it began.
	main  []string
	mains int
	from  int
}

// readPage reads a page as a stream of tags. That does not care how deep elements are nested, and takes what is not
// closed as it comes.
func readPage(text string, leads bool) (*page, error) {
	p := &page{leads: leads}
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%w: %w", ErrFormat, err)
			}
			p.leaveMain()
			return p, nil
		case html.TextToken:
			p.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			p.start(&token, kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			token := z.Token()
			p.end(token.DataAtom)
		}
	}
}

// body is the text of the page.
func (p *page) body() string {
	if text := strings.TrimSpace(strings.Join(p.main, "\n\n")); text != "" {
		return text
	}
	return strings.TrimSpace(p.out.String())
}

func (p *page) text(text string) {
	switch {
	case p.inTitle:
		p.title += text
	case p.skipping > 0:
	case p.preformatted > 0:
		p.out.raw(text)
	default:
		p.out.words(text)
	}
}

func (p *page) start(token *html.Token, closed bool) {
	a := token.DataAtom
	if p.skipping > 0 {
		if a == p.skip && !closed {
			p.skipping++
		}
		return
	}
	switch {
	case skipped(a), p.leads && leadsAway(a):
		if !closed {
			p.skip, p.skipping = a, 1
		}
		return
	case a == atom.Title && p.title == "" && !closed:
		p.inTitle = true
	case a == atom.Html:
		p.lang = attribute(token, "lang")
		p.lang, _, _ = strings.Cut(strings.ToLower(p.lang), "-")
	case a == atom.Main || a == atom.Article:
		p.out.breakOff(2)
		if p.mains++; p.mains == 1 {
			p.from = p.out.Len()
		}
	case headingLevel(a) > 0:
		p.out.breakOff(2)
		p.out.mark(strings.Repeat("#", headingLevel(a)) + " ")
	case a == atom.Li:
		p.out.breakOff(1)
		p.out.mark("- ")
	case a == atom.Tr || a == atom.Br || a == atom.Dt || a == atom.Dd:
		p.out.breakOff(1)
	case a == atom.Td || a == atom.Th:
		p.out.words(" ")
		p.out.mark("| ")
	case a == atom.Pre:
		p.out.breakOff(2)
		p.out.mark("```\n")
		p.preformatted++
	case a == atom.Img:
		p.out.words(attribute(token, "alt"))
	case separate(a):
		p.out.breakOff(2)
	}
}

func (p *page) end(a atom.Atom) {
	if p.skipping > 0 {
		if a == p.skip {
			p.skipping--
		}
		return
	}
	switch {
	case a == atom.Title:
		p.inTitle = false
	case a == atom.Main || a == atom.Article:
		if p.mains == 1 {
			p.leaveMain()
		}
		p.mains = max(p.mains-1, 0)
		p.out.breakOff(2)
	case a == atom.Pre && p.preformatted > 0:
		p.preformatted--
		p.out.breakOff(1)
		p.out.raw("```")
		p.out.breakOff(2)
	case a == atom.Li || a == atom.Tr:
		p.out.breakOff(1)
	case headingLevel(a) > 0 || separate(a):
		p.out.breakOff(2)
	}
}

// leaveMain takes note of a main part that ends.
func (p *page) leaveMain() {
	if p.mains > 0 {
		p.main = append(p.main, strings.TrimSpace(p.out.String()[p.from:]))
	}
}

// skipped reports whether an element holds no text for people.
func skipped(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Svg, atom.Math, atom.Iframe, atom.Object,
		atom.Select, atom.Button, atom.Textarea, atom.Canvas, atom.Audio, atom.Video, atom.Rt, atom.Rp:
		return true
	}
	return false
}

// leadsAway reports whether an element is about other pages.
func leadsAway(a atom.Atom) bool {
	return a == atom.Nav || a == atom.Aside || a == atom.Footer || a == atom.Form || a == atom.Dialog || a == atom.Menu
}

// headingLevel gives 1 to 6 for headings.
func headingLevel(a atom.Atom) int {
	switch a {
	case atom.H1:
		return 1
	case atom.H2:
		return 2
	case atom.H3:
		return 3
	case atom.H4:
		return 4
	case atom.H5:
		return 5
	case atom.H6:
		return 6
	}
	return 0
}

// separate reports whether an element is a paragraph of its own.
func separate(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Div, atom.Section, atom.Header, atom.Ul, atom.Ol, atom.Dl, atom.Table, atom.Blockquote, atom.Hr,
		atom.Figure, atom.Figcaption, atom.Address, atom.Fieldset, atom.Details, atom.Summary, atom.Body, atom.Main,
		atom.Thead, atom.Tbody, atom.Caption:
		return true
	}
	return false
}

func attribute(token *html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// charsetOf gives the encoding that a page says it is in.
func charsetOf(start []byte) string {
	z := html.NewTokenizer(bytes.NewReader(start[:min(len(start), 4096)]))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if token.DataAtom == atom.Body {
				return ""
			}
			if token.DataAtom != atom.Meta {
				continue
			}
			if charset := attribute(&token, "charset"); charset != "" {
				return charset
			}
			_, charset, found := strings.Cut(strings.ToLower(attribute(&token, "content")), "charset=")
			if found {
				return strings.Trim(charset, `"' ;`)
			}
		}
	}
}
