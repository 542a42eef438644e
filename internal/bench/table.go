package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// result is a candidate's runs.
type result struct {
	Name      string    `json:"name"`
	First     []float64 `json:"first_start_ms"`
	Start     []float64 `json:"start_ms"`
	Memory    []float64 `json:"pss_mb"`
	Idle      []float64 `json:"idle_cpu_s_per_min"`
	Keys      []float64 `json:"key_to_pixel_ms"`
	Processes int       `json:"processes"`
	Disk      int64     `json:"disk_bytes"`
}

func (r *result) add(s sample) {
	r.First = append(r.First, s.first)
	r.Start = append(r.Start, s.starts...)
	r.Memory = append(r.Memory, s.memory)
	r.Idle = append(r.Idle, s.idle)
	r.Keys = append(r.Keys, s.keys...)
	r.Processes = max(r.Processes, s.processes)
}

// quantile is the q-th of the values, 0 ≤ q ≤ 1, by the nearest rank; 0 of none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// figures are the columns of the table, as numbers.
func (r *result) figures() []float64 {
	return []float64{median(r.First), median(r.Start), median(r.Memory), median(r.Idle), median(r.Keys), quantile(r.Keys, 0.95), float64(r.Disk) / 1e6}
}

// report prints the table, and how the first candidate stands to each of the others.
func report(w io.Writer, o options, results []*result) error {
	if o.json {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(results)
	}
	heads := []string{"first start ms", "start ms", "PSS MB", "idle CPU s/min", "key median ms", "key p95 ms", "disk MB"}
	var b strings.Builder
	fmt.Fprintf(&b, "| medians of %d runs, 1280×800 |", o.runs)
	for _, h := range heads {
		fmt.Fprintf(&b, " %s |", h)
	}
	fmt.Fprintf(&b, " processes |\n|---|%s\n", strings.Repeat("--:|", len(heads)+1))
	for _, r := range results {
		fmt.Fprintf(&b, "| %s |", r.Name)
		for i, v := range r.figures() {
			fmt.Fprintf(&b, " %.*f |", []int{0, 0, 1, 2, 1, 1, 1}[i], v)
		}
		fmt.Fprintf(&b, " %d |\n", r.Processes)
	}
	first := results[0].figures()
	for _, r := range results[1:] {
		fmt.Fprintf(&b, "| %s ÷ %s |", results[0].Name, r.Name)
		for i, v := range r.figures() {
			if v == 0 {
				b.WriteString(" – |")
				continue
			}
			fmt.Fprintf(&b, " %.2f |", first[i]/v)
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\nspread (least … most):\n")
	for _, r := range results {
		fmt.Fprintf(&b, "  %-18s start %.0f … %.0f ms, PSS %.1f … %.1f MB, idle %.2f … %.2f s/min, keys %.1f … %.1f ms (%d)\n", r.Name,
			slices.Min(r.Start), slices.Max(r.Start), slices.Min(r.Memory), slices.Max(r.Memory),
			slices.Min(r.Idle), slices.Max(r.Idle), slices.Min(r.Keys), slices.Max(r.Keys), len(r.Keys))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
