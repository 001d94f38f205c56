package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"sagasu/api"
)

func options(t testing.TB) *Options {
	t.Helper()
	schema, err := api.ParseSchema([]byte(`{"fields":{"title":{"type":"text"},"text":{"type":"text"},
		"lang":{"type":"keyword"},"tags":{"type":"keyword"},"year":{"type":"int"},"price":{"type":"float"},
		"ok":{"type":"bool"},"modified":{"type":"date"}}}`))
	require.NoError(t, err)
	return &Options{Schema: &schema}
}

// walk reads files of a map and gives what became of them: a line a document or fault.
func walk(t testing.TB, opts *Options, files map[string]string) []string {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(data), ModTime: time.Unix(0, 0)}
	}
	var got []string
	err := Walk(t.Context(), []Root{{FS: fsys, Path: "r"}}, opts, func(f *File, item Item) error {
		switch _, err := api.ParseDocument(opts.Schema, item.JSON); {
		case item.Err != nil:
			got = append(got, fmt.Sprintf("%s %s: %v", f.Path, item.Place, item.Err))
			return nil
		case err != nil:
			got = append(got, err.Error())
		}
		got = append(got, strings.ReplaceAll(string(item.JSON), `,"modified":"1970-01-01T00:00:00Z"`, ""))
		return nil
	}, func(f Fault) { got = append(got, fmt.Sprintf("%s: %v", f.Path, f.Err)) })
	require.NoError(t, err)
	return got
}

func TestWholeFiles(t *testing.T) {
	for _, c := range []struct{ name, file, data, want string }{
		{"text", "a/b.txt", "One.\r\nTwo.", `{"title":"b","text":"One.\nTwo.","id":"a/b.txt"}`},
		{"an empty text", "b.txt", "", `{"title":"b","text":"","id":"b.txt"}`},
		{"a mark of UTF-8", "b.txt", "\ufeff地震", `{"title":"b","text":"地震","id":"b.txt"}`},
		{"Markdown", "b.md", "# The *Title* #\ntext", `{"title":"The *Title*","text":"# The *Title* #\ntext","id":"b.md"}`},
		{
			"front matter", "b.md", "---\ntitle: \"A: b\" # c\ntags: [x, 'y z']\nyear: 2020\nok: true\nid: n1\n" +
				"author:\n  name: me\nempty:\n---\nText.",
			`{"title":"A: b","tags":["x","y z"],"year":2020,"ok":true,"text":"Text.","id":"n1"}`,
		},
		{
			"a list in front matter", "b.md", "---\ntags:\n  - x\n  - y\n---\nT",
			`{"title":"b","tags":["x","y"],"text":"T","id":"b.md"}`,
		},
		{
			"a line that is no front matter", "b.md", "---\nText.\n---\n",
			`{"title":"b","text":"---\nText.\n---\n","id":"b.md"}`,
		},
		{"front matter without an end", "b.md", "---\na: b\n", `{"title":"b","text":"---\na: b\n","id":"b.md"}`},
		{
			"HTML", "b.html", `<!doctype html><html lang="ja-JP"><head><title>地震
				速報</title><style>x{}</style></head><body><nav>Home</nav><h1>Early&nbsp;warning</h1><p>One
				line &amp; more<br>next</p><script>var a="<p>no</p>"</script><ul><li>a<li><b>b</b> c</ul>
				<pre>x
  y</pre><p>日本
				語</p><footer>©</footer></body></html>`,
			`{"title":"地震 速報","lang":"ja","text":"# Early` + "\u00a0" + `warning\n\nOne line & more\nnext\n\n- a\n- b c\n\n` +
				"```" + `\nx\n  y\n` + "```" + `\n\n日本語","id":"b.html"}`,
		},
		{
			"the main part of a page", "b.htm", `<div>menu</div><main><h2>A</h2><p>text</main><div>more</div>`,
			`{"title":"b","text":"## A\n\ntext","id":"b.htm"}`,
		},
		{
			"a page of navigation", "b.htm", `<nav>All <a href=x>of</a> it`, `{"title":"b","text":"All of it","id":"b.htm"}`,
		},
		{
			"a table", "b.htm", `<table><tr><th>a<th>b</tr><tr><td>1<td>2</table>`,
			`{"title":"b","text":"| a | b\n| 1 | 2","id":"b.htm"}`,
		},
		{"ruby", "b.htm", `<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>`, `{"title":"b","text":"漢字","id":"b.htm"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, []string{c.want}, walk(t, options(t), map[string]string{c.file: c.data}))
		})
	}
}

func TestEncodings(t *testing.T) {
	const text = "緊急地震速報は、揺れが届く前に知らせる。カタカナも。"
	encode := func(e interface {
		String(string) (string, error)
	}, text string,
	) string {
		out, err := e.String(text)
		require.NoError(t, err)
		return out
	}
	for name, data := range map[string]string{
		"UTF-8": text, "Shift_JIS": encode(japanese.ShiftJIS.NewEncoder(), text),
		"EUC-JP": encode(japanese.EUCJP.NewEncoder(), text), "ISO-2022-JP": encode(japanese.ISO2022JP.NewEncoder(), text),
		"UTF-16LE": encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(), text),
		"UTF-16BE": encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(), text),
	} {
		t.Run(name, func(t *testing.T) {
			want := `{"title":"b","text":"` + text + `","id":"b.txt"}`
			require.Equal(t, []string{want}, walk(t, options(t), map[string]string{"b.txt": data}))
		})
	}
	t.Run("a single fault in UTF-8 is told", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{"b.txt": strings.Repeat(text, 10) + "\xff"})
		require.Contains(t, got[0], "byte 780 is not UTF-8")
	})
	t.Run("rows in Shift_JIS", func(t *testing.T) {
		data := encode(japanese.ShiftJIS.NewEncoder(), "id,title\n1,表示ソ\n2,"+strings.Repeat("能", 60_000)+"\n")
		got := walk(t, options(t), map[string]string{"b.csv": data})
		require.Equal(t, `{"title":"表示ソ","id":"1"}`, got[0])
		require.Len(t, got, 2)
	})
	t.Run("a page names its encoding", func(t *testing.T) {
		data := `<meta charset="Shift_JIS"><p>` + encode(japanese.ShiftJIS.NewEncoder(), "ｱｲｳ")
		require.Equal(t, []string{`{"title":"b","text":"ｱｲｳ","id":"b.html"}`},
			walk(t, options(t), map[string]string{"b.html": data}))
	})
	t.Run("Latin text", func(t *testing.T) {
		require.Equal(t, []string{`{"title":"b","text":"café – señor","id":"b.txt"}`},
			walk(t, options(t), map[string]string{"b.txt": "caf\xe9 \x96 se\xf1or"}))
	})
}

func TestLines(t *testing.T) {
	opts := options(t)
	data := "\n{\"id\":\"a\",\"title\":\"One\",\"extra\":{\"x\":1}}\r\n{\"id\":7,\"year\":1}\n[1]\n" +
		"{\"id\":\"x\",\"op\":\"delete\"}\n" +
		"{\"title\":\"no id\"}\n{\"id\":\"b\" \n{\"id\":{}}\n{\"id\":\"\xff\"}"
	require.Equal(t, []string{
		`{"title":"One","id":"a"}`,
		`{"year":1,"id":"7"}`,
		`r/b.jsonl line 4: malformed: is no JSON object`,
		`r/b.jsonl line 5: malformed: has "op": what says how to write is for sagasu bulk`,
		`{"title":"no id","id":"b.jsonl:6"}`,
		`r/b.jsonl line 7: malformed: is no JSON`,
		`r/b.jsonl line 8: malformed: "id" holds no text or number to be the id`,
		`r/b.jsonl line 9: bad encoding: byte 7 is not UTF-8`,
	}, walk(t, opts, map[string]string{"b.jsonl": data}))
	t.Run("names are mapped", func(t *testing.T) {
		opts := options(t)
		opts.IDField, opts.FieldMap = "doi", map[string]string{"abstract": "text", "title": ""}
		require.NoError(t, opts.Validate())
		require.Equal(t, []string{
			`{"text":"x","id":"10/1"}`, `r/b.jsonl line 2: malformed: has no "doi", which holds the id`,
		}, walk(t, opts, map[string]string{
			"b.jsonl": `{"id":"p","doi":"10/1","abstract":"x","title":"y"}` + "\n" + `{"id":"q"}`,
		}))
		opts.FieldMap["x"] = "nothing"
		require.ErrorContains(t, opts.Validate(), `"nothing"`)
	})
	t.Run("a line that is too long does not stop the rest", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{
			"b.jsonl": `{"id":"a","title":"` + strings.Repeat("x", maxBytes) + "\"}\n{\"id\":\"b\"}",
		})
		require.Contains(t, got[0], "line 1: too large for one document")
		require.Equal(t, `{"id":"b"}`, got[1])
	})
	t.Run("what is left out is told", func(t *testing.T) {
		var left []string
		fsys := fstest.MapFS{
			"a.jsonl": {Data: []byte(`{"id":"a","extra":1,"title":"t"}`)}, "b.md": {Data: []byte("---\nx: y\n---\n")},
		}
		require.NoError(t, Walk(t.Context(), []Root{{FS: fsys}}, options(t), func(_ *File, item Item) error {
			left = append(left, item.Left...)
			return nil
		}, func(f Fault) { require.NoError(t, f.Err) }))
		require.Equal(t, []string{"extra", "x"}, left)
	})
}

func TestRows(t *testing.T) {
	require.Equal(t, []string{
		`{"title":"A, \"b\"\nc","year":2020,"price":1.50,"ok":true,"id":"1"}`,
		`r/b.csv line 4: malformed: has 2 columns, the header 6`,
		`{"title":"x","id":"b.csv:5"}`,
		`year: is a string, must be a number`,
		`{"year":"soon","id":"3"}`,
	}, walk(t, options(t), map[string]string{
		"b.csv": "id,title,year,price,ok,other\n1,\"A, \"\"b\"\"\nc\",2020,1.50,TRUE,z\n2,x\n,x,,,,\n3,,soon,,,\n",
	}))
	require.Equal(t, []string{`{"title":"a b","id":"1"}`},
		walk(t, options(t), map[string]string{"b.tsv": "id\ttitle\n1\ta b\n"}))
	require.Empty(t, walk(t, options(t), map[string]string{"b.csv": ""}))
	require.Contains(t, walk(t, options(t), map[string]string{"b.csv": "a,a\n1,2\n"})[0], `two columns named "a"`)
	require.Contains(t, walk(t, options(t), map[string]string{"b.csv": "id,title\r1,a\r2,b\r"})[0],
		"carriage return alone")
	opts := options(t)
	opts.IDField = "key"
	require.Contains(t, walk(t, opts, map[string]string{"b.csv": "id\n1\n"})[0], `no column "key"`)
	require.Contains(t, walk(t, opts, map[string]string{"b.csv": "key,title\n,x\n"})[0],
		`column "key", which holds the id, is empty`)
	t.Run("a bare quotation mark does not stop the rest", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{"b.csv": "id,title\n1,a\"b\n2,c\n"})
		require.Contains(t, got[0], `line 2`)
		require.Equal(t, `{"title":"c","id":"2"}`, got[len(got)-1])
	})
	t.Run("a quotation without an end is not read into memory", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{"b.csv": "id,title\n1,\"" + strings.Repeat("x\n", maxBytes)})
		require.Len(t, got, 1)
		require.Contains(t, got[0], "is a quotation mark missing?")
	})
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"a.txt", "b/c.md", "b/d/e.html", ".hidden/x.txt", "b/.x.txt", "b/f.pdf", "b/d/g.txt", "data.json",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "b", "loop")))
	find := func(globs []string, names ...string) ([]string, []Fault) {
		var roots []Root
		for _, name := range names {
			root, err := OpenRoot(filepath.Join(dir, name))
			require.NoError(t, err)
			roots = append(roots, root)
		}
		opts := options(t)
		opts.Globs = globs
		require.NoError(t, opts.Validate())
		files, faults, err := Find(t.Context(), roots, opts)
		require.NoError(t, err)
		var ids []string
		for _, f := range files {
			ids = append(ids, f.ID)
			require.FileExists(t, filepath.FromSlash(f.Path))
			require.Equal(t, int64(1), f.Size)
		}
		return ids, faults
	}
	ids, faults := find(nil, "")
	require.Equal(t, []string{"a.txt", "b/c.md", "b/d/e.html", "b/d/g.txt"}, ids)
	require.Empty(t, faults)
	ids, _ = find([]string{"*.md", "b/**/*.txt"}, "")
	require.Equal(t, []string{"b/c.md", "b/d/g.txt"}, ids)
	ids, faults = find(nil, "b", "a.txt", "b/d/g.txt", "b/f.pdf", "a.txt")
	require.Equal(t, []string{"b/c.md", "b/d/e.html", "b/d/g.txt", "a.txt", "g.txt"}, ids)
	require.Len(t, faults, 2)
	require.ErrorContains(t, faults[0].Err, "is no .txt")
	require.ErrorContains(t, faults[1].Err, `has the id "a.txt"`)
	_, err := OpenRoot(filepath.Join(dir, "nothing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	opts := options(t)
	opts.Globs = []string{"[x"}
	require.ErrorIs(t, opts.Validate(), ErrGlob)
	for glob, want := range map[string]bool{
		"**/e.html": true, "b/*/e.html": true, "b/**": true, "**": true, "/b/d/*": true, "b/*": false, "**/x": false,
	} {
		require.Equal(t, want, matches([]string{glob}, "b/d/e.html"), glob)
	}
}

func TestFilesThatFail(t *testing.T) {
	t.Run("a file that is too large", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{"a.txt": strings.Repeat("x", maxBytes+1), "b.txt": "y"})
		require.Contains(t, got, `{"title":"b","text":"y","id":"b.txt"}`)
		require.Contains(t, strings.Join(got, "\n"), "read r/a.txt: too large for one document")
	})
	t.Run("a file whose JSON is too large", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{"a.txt": strings.Repeat("\n", maxBytes/2+1)})
		require.Contains(t, got[0], "bytes as JSON")
	})
	t.Run("a program named as text", func(t *testing.T) {
		got := walk(t, options(t), map[string]string{"a.txt": "MZ\x00\x90\x00", "b.txt": "y"})
		require.Contains(t, strings.Join(got, "\n"), "read r/a.txt: bad encoding: byte 2 is NUL")
		require.Contains(t, got, `{"title":"b","text":"y","id":"b.txt"}`)
	})
	t.Run("the end of the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		fsys := fstest.MapFS{"a.txt": {Data: []byte("x")}}
		err := Walk(ctx, []Root{{FS: fsys}}, options(t), nil, nil)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("an error of visit", func(t *testing.T) {
		fsys := fstest.MapFS{"a.txt": {Data: []byte("x")}, "b.txt": {Data: []byte("x")}}
		stop := errors.New("stop")
		calls := 0
		err := Walk(t.Context(), []Root{{FS: fsys}}, options(t), func(*File, Item) error { calls++; return stop }, nil)
		require.ErrorIs(t, err, stop)
		require.Equal(t, 1, calls)
	})
	t.Run("checksums", func(t *testing.T) {
		fsys := fstest.MapFS{"a.csv": {Data: []byte("id\n1\n")}}
		files, _, err := Find(t.Context(), []Root{{FS: fsys}}, options(t))
		require.NoError(t, err)
		sum, err := files[0].Checksum(t.Context())
		require.NoError(t, err)
		read, err := files[0].Each(t.Context(), options(t), func(Item) error { return nil })
		require.NoError(t, err)
		require.Equal(t, sum, read)
		require.Equal(t, []Kind{KindCSV}, Kinds(files))
	})
}

func FuzzRead(f *testing.F) {
	f.Add("a.html", []byte("<nav><p>x<pre>y<li></main><title>"))
	f.Add("a.md", []byte("---\na: [b\n- c\n---\n# x"))
	f.Add("a.jsonl", []byte("{\"id\":1}\n{\"vector\":[1]"))
	f.Add("a.csv", []byte("id,\"a\n\"\n1,\xff\n"))
	f.Add("a.tsv", []byte("\xfe\xffid"))
	f.Add("a.txt", []byte("\x1b$B0!\x1b(B"))
	opts := options(f)
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		kind, ok := kindOf(name)
		if !ok || len(data) > 1<<20 {
			return
		}
		file := &File{Path: "a", ID: "a", Kind: kind, name: "a", fsys: fstest.MapFS{"a": {Data: data}}}
		_, _ = file.Each(t.Context(), opts, func(item Item) error {
			if item.Err == nil {
				_, err := api.SplitArray(append(append([]byte("["), item.JSON...), ']'))
				require.NoError(t, err, "%s", item.JSON)
			}
			return nil
		})
	})
}

func BenchmarkHTML(b *testing.B) {
	page := "<html><body>" +
		strings.Repeat("<h2>Head</h2><p>Some <b>text</b> of a page &amp; more.</p><ul><li>x</ul>", 10_000)
	f := &File{name: "a.html", Kind: KindHTML}
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		_, err := f.parseHTML(page)
		require.NoError(b, err)
	}
}
