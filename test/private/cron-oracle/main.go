// Asks robfig/cron, which Kubernetes runs, what it makes of some 2,000 schedules; cron.test.ts compares.
//
// Regenerate (the seed is fixed, so the same bytes come out):
//
//	cd test/private/cron-oracle && go run . > ../cron-oracle.json
//
// For a larger comparison by hand: go run . -n 50000 -seed 7
//
// A row is [expression, false], [expression, true, seconds] for @every, or
// [expression, true, minutes, hours, daysOfMonth, months, daysOfWeek, anyDayOfMonth, anyDayOfWeek].
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

const star = uint64(1) << 63

// what a user may write, or has once written, and the oddities of the parser
var corners = []string{
	"", " ", "*", "* * * *", "* * * * *", "* * * * * *", "* * * * * * *", "0 2 * * *", "*/15 * * * *", " 0  2\t*\n* * ", "? ? ? ? ?",
	"0 2 * * 0", "0 2 * * 6", "0 2 * * 7", "0 2 * * 0-7", "0 2 * * 1-7", "0 2 * * SUN", "0 2 * * sun", "0 2 * * Sun", "0 2 * * SUNDAY",
	"0 2 * * MON-FRI", "0 2 * * mon-fri/2", "0 2 * * MON,WED,FRI", "0 2 * * MON-SUN", "0 2 * * SUN-SAT", "0 2 * * FRI-MON", "0 2 * * MON/2",
	"0 2 * * 1#2", "0 2 * * 5L", "0 2 L * *", "0 2 15W * *", "0 2 LW * *", "0 2 * JAN *", "0 2 * jan-dec/3 *", "0 2 * 0 *", "0 2 * 13 *", "0 2 * MON *",
	"0 2 0 * *", "0 2 31 * *", "0 2 32 * *", "0 2 30 2 *", "0 2 29 2 *", "0 2 31 4,6,9,11 *", "0 2 30 2 MON", "60 * * * *", "0 24 * * *", "-1 * * * *", "+1 * * * *",
	"01 02 * * *", "007 * * * *", "1.5 * * * *", "0x1 * * * *", "1_0 * * * *", "1e1 * * * *", "99999999999999999999 * * * *", "５ * * * *", "− * * * *",
	"5/15 * * * *", "5-59/15 * * * *", "5/1 * * * *", "*/1 * * * *", "*/0 * * * *", "*/60 * * * *", "*/99 * * * *", "*/+5 * * * *", "*/-5 * * * *", "*/05 * * * *",
	"*/9223372036854775807 * * * *", "*/9223372036854775808 * * * *", "*/a * * * *", "*/ * * * *", "/5 * * * *", "*//5 * * * *", "*/5/5 * * * *", "*/JAN * * * *", "* * * */JAN *",
	"1,,2 * * * *", ",1 * * * *", "1, * * * *", ", * * * *", ",,, * * * *", "0 0 , * *", "0 0 , * MON", "0 0 * , *", "0 0 * * ,", "0 0 , * ,", "1, 2 * * * *", "1;2 * * * *",
	"1-5 * * * *", "5-1 * * * *", "5-5 * * * *", "1-2-3 * * * *", "1- * * * *", "-5 * * * *", "- * * * *", "1--2 * * * *", "0-+5 * * * *", "1-60 * * * *",
	"*-5 * * * *", "*-x * * * *", "?-1-2 * * * *", "*-5/2 * * * *", "** * * * *", "*5 * * * *", "*,5 * * * *", "5,* * * * *", "5-* * * * *", "5-? * * * *",
	"0 0 */2 * MON", "0 0 */1 * MON", "0 0 */01 * MON", "0 0 */+1 * MON", "0 0 *-9 * MON", "0 0 *-9/1 * MON", "0 0 1-31 * MON", "0 0 1,* * MON", "0 0 1,*/2 * MON", "0 0 ? * MON", "0 0 1 * ?", "0 0 1 * */1", "0 0 1 * */2", "0 0 1 * 0-6", "0 0 ?/1 * MON",
	"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@reboot", "@Daily", "@DAILY", "@daily ", " @daily", "@", "@day", "@minutely", "@secondly", "@daily 0 0 * * *",
	"@every 1h", "@every 1h30m", "@every 90m", "@every 1.5h", "@every .5h", "@every 1.h", "@every 0.1s", "@every 1s", "@every 59.999s", "@every 1500ms", "@every 1us", "@every 1µs", "@every 1μs", "@every 1ns",
	"@every 0", "@every +0", "@every -0", "@every 0s", "@every -1h", "@every +1h", "@every 00", "@every 1", "@every 1d", "@every 1w", "@every 1H", "@every h", "@every .h", "@every .", "@every -", "@every", "@every ", "@every  1h", "@every 1h ", "@every 1 h", "@every 1h 30m", "@every 1h-30m", "@every 1h1h", "@every 1m1h", "@Every 1h", "@every\t1h", "@every 1mms", "@every 1.2.3s",
	"@every 2562047h", "@every 2562048h", "@every 2562047h47m16.854775807s", "@every 2562047h47m16.854775808s", "@every -2562047h47m16.854775808s", "@every -2562047h47m16.854775809s", "@every 9223372036854775807ns", "@every 9223372036854775808ns", "@every 99999999999999999999h",
	"@every 0.50000000000000000h", "@every 0.3333333333333333333h", "@every 0.9223372036854775807h", "@every 0.9223372036854775809m", "@every 59.99999999999999999999999999999s", "@every 1.000000000000000000001s", "@every 0.9999999999s",
	"TZ=UTC 0 2 * * *", "CRON_TZ=Europe/Berlin 0 2 * * *", "TZ=UTC @daily", "TZ=UTC", "TZ=", "TZ=Mars/Olympus 0 2 * * *", "0 2 * * TZ", "tz=UTC 0 2 * * *",
	"0\u00a02\u00a0*\u00a0*\u00a0*", "0\u00852 * * *", "\ufeff0 2 * * *", "0\u30002 * * *", "0\u200b2 * * *", "0 2 * * *\r\n", "0 2 * * *\u0000", "0\v2\f* * *", "0\u18002 * * *", "0\u20282 * * *",
	"0 2 * * ſun", "0 2 * oct,oﬀ *", "0 2 * * *; rm", "a b c d e", "日 * * * *",
}

func oracle(expression string) []any {
	refused := []any{expression, false}
	// Kubernetes refuses this itself (since 1.29), before a name of a zone without a space makes the parser panic
	if strings.Contains(expression, "TZ") {
		return refused
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return refused
	}
	switch s := schedule.(type) {
	case cron.ConstantDelaySchedule:
		return []any{expression, true, int64(s.Delay / time.Second)}
	case *cron.SpecSchedule:
		return []any{expression, true, bits(s.Minute), bits(s.Hour), bits(s.Dom), bits(s.Month), bits(s.Dow), s.Dom&star != 0, s.Dow&star != 0}
	}
	panic(fmt.Sprintf("%T", schedule))
}

func bits(set uint64) []int {
	values := []int{}
	for i := 0; i < 63; i++ {
		if set&(1<<i) != 0 {
			values = append(values, i)
		}
	}
	return values
}

type field struct {
	min, max int
	names    []string
}

var fields = []field{
	{0, 59, nil}, {0, 23, nil}, {1, 31, nil},
	{1, 12, []string{"JAN", "feb", "Mar", "APR", "may", "JUN", "jul", "AUG", "sep", "OCT", "nov", "DEC"}},
	{0, 6, []string{"SUN", "mon", "Tue", "WED", "thu", "FRI", "sat"}},
}

func pick(r *rand.Rand, choices ...string) string { return choices[r.Intn(len(choices))] }

// a value that is mostly in range
func value(r *rand.Rand, f field) string {
	switch {
	case r.Intn(60) == 0:
		return pick(r, "", "+1", "00", "L", "x", "MON", "jan", "1.5", "-1", "#", "*", "?")
	case r.Intn(30) == 0:
		return fmt.Sprint(f.min - 1 + r.Intn(f.max-f.min+5))
	case f.names != nil && r.Intn(2) == 0:
		return pick(r, f.names...)
	}
	return fmt.Sprint(f.min + r.Intn(f.max-f.min+1))
}

func item(r *rand.Rand, f field) string {
	var text string
	switch r.Intn(8) {
	case 0:
		text = pick(r, "*", "?", "*", "*", "*-5")
	case 1, 2:
		a, b := f.min+r.Intn(f.max-f.min+1), f.min+r.Intn(f.max-f.min+1)
		if a > b && r.Intn(12) > 0 {
			a, b = b, a
		}
		text = fmt.Sprintf("%d-%d", a, b)
	case 3:
		text = value(r, f)
		if r.Intn(2) == 0 {
			text += "-" + value(r, f)
		}
	default:
		text = value(r, f)
	}
	if r.Intn(6) == 0 {
		text += "/" + pick(r, "1", "2", "3", "5", "7", "10", "15", "30", "100", "0", "+2", "", "x")
	}
	return text
}

func fuzz(r *rand.Rand) string {
	switch r.Intn(20) {
	case 0:
		text := "@every " + pick(r, "", "", "", "-", "+")
		for i := r.Intn(3); i >= 0; i-- {
			text += pick(r, "", "1", "30", "90", "7200", "0") + pick(r, "", "", "", ".", ".5", ".25", ".0001", fmt.Sprintf(".%d", r.Intn(1e9)))
			text += pick(r, "h", "m", "s", "h", "m", "s", "ms", "us", "µs", "ns", "d", "")
		}
		return text
	case 1:
		var text strings.Builder
		for i := r.Intn(14); i >= 0; i-- {
			text.WriteString(pick(r, "*", "/", ",", "-", "?", "0", "1", "5", "7", " ", " ", " ", "@", "MON", "L", "+", "."))
		}
		return text.String()
	}
	texts := []string{}
	for i, f := range fields {
		if i == 0 && r.Intn(10) == 0 {
			i = 1
		}
		text := item(r, f)
		for r.Intn(4) == 0 {
			text += "," + item(r, f)
		}
		if r.Intn(3) == 0 && i > 0 {
			text = "*"
		}
		texts = append(texts, text)
	}
	switch r.Intn(60) {
	case 0:
		texts = append(texts, item(r, fields[r.Intn(5)]))
	case 1:
		texts = texts[1:]
	}
	return strings.Join(texts, pick(r, " ", " ", " ", "  ", "\t"))
}

func main() {
	n := flag.Int("n", 1800, "generated expressions")
	seed := flag.Int64("seed", 1, "seed")
	flag.Parse()

	r := rand.New(rand.NewSource(*seed))
	expressions := append([]string{}, corners...)
	for i := 0; i < *n; i++ {
		expressions = append(expressions, fuzz(r))
	}

	out := bufio.NewWriter(os.Stdout)
	seen := map[string]bool{}
	separator := "[\n"
	for _, expression := range expressions {
		if seen[expression] {
			continue
		}
		seen[expression] = true
		var row bytes.Buffer
		encoder := json.NewEncoder(&row)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(oracle(expression)); err != nil {
			panic(err)
		}
		fmt.Fprint(out, separator, strings.TrimSpace(row.String()))
		separator = ",\n"
	}
	fmt.Fprint(out, "\n]\n")
	if err := out.Flush(); err != nil {
		panic(err)
	}
}
