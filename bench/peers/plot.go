package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Measures of the plot, in pixels.
const (
	plotLeft   = 330
	plotWidth  = 620
	plotBar    = 11
	plotGap    = 16
	plotTop    = 60
	plotMargin = 20
)

// colours tell the engines apart, also for those who see no red or green (Okabe and Ito, 2008).
func colours() []string {
	return []string{"#0072b2", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000", "#f0e442"}
}

// plot draws the mean times as bars over a logarithmic scale.
func (r *report) plot() string {
	least, most := math.Inf(1), 0.0
	bars := 0
	for _, row := range r.Rows {
		for _, s := range row.Engines {
			least, most = math.Min(least, s.Mean), math.Max(most, s.Mean)
			bars++
		}
	}
	if bars == 0 {
		return ""
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	x := func(v float64) float64 { return plotLeft + plotWidth*(math.Log10(v)-low)/(high-low) }
	height := plotTop + bars*plotBar + len(r.Rows)*plotGap + plotMargin
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		"font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		plotLeft+plotWidth+plotMargin, height)
	fmt.Fprintf(&svg, `<text x="%d" y="18" font-size="14">Mean time of a query, µs; %d documents of %s; %s</text>`+"\n",
		plotMargin, r.Docs, html.EscapeString(r.Corpus), html.EscapeString(r.Machine))
	colour := map[string]string{}
	for i, s := range r.Built {
		colour[s.Engine] = colours()[i%len(colours())]
		fmt.Fprintf(&svg, `<rect x="%d" y="30" width="10" height="10" fill="%s"/><text x="%d" y="39">%s</text>`+"\n",
			plotMargin+i*110, colours()[i%len(colours())], plotMargin+14+i*110, html.EscapeString(s.Engine))
	}
	for decade := low; decade <= high; decade++ {
		at := x(math.Pow(10, decade))
		fmt.Fprintf(&svg, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`+
			`<text x="%.1f" y="%d" fill="#555" text-anchor="middle">%g</text>`+"\n",
			at, plotTop, at, height-plotMargin, at, height-5, math.Pow(10, decade))
	}
	y := plotTop
	for _, row := range r.Rows {
		fmt.Fprintf(&svg, `<text x="%d" y="%d" text-anchor="end">%s, %s</text>`+"\n", plotLeft-8,
			y+len(row.Engines)*plotBar/2+4, html.EscapeString(row.File), html.EscapeString(row.Kind))
		for _, s := range row.Engines {
			fmt.Fprintf(&svg, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"><title>%s %.0f µs</title></rect>`+"\n",
				plotLeft, y, math.Max(1, x(s.Mean)-plotLeft), plotBar-2, colour[s.Engine],
				html.EscapeString(s.Engine), s.Mean)
			y += plotBar
		}
		y += plotGap
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}
