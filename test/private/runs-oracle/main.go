// Asks robfig/cron, which Kubernetes runs, when some schedules run next, above all where clocks are changed, and what the
// CronJob controller makes of the answers; runs.test.ts compares.
//
// Regenerate (the seed is fixed, so the same bytes come out; the years are past, so their clocks are settled):
//
//	cd test/private/runs-oracle && go run . > ../runs-oracle.json
//
// For a larger comparison by hand: go run . -n 20000 -seed 7
//
// A row of "next" is [time zone, schedule, after, [next, the one after it, ...]] in minutes since 1970, the later ones as differences.
// A row of "runs" is [time zone, schedule, number of runs, sum of their minutes since 2023]. Both end before December 2025.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

const chain = 6

var zones = []string{
	"Etc/UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Sao_Paulo",
	// half an hour of summer time, two hours of it, a change at a quarter to three
	"Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Chatham",
	// days without midnight, west and east of Greenwich, and at its offset
	"America/Havana", "America/Santiago", "Asia/Beirut", "Africa/Cairo", "Atlantic/Azores",
	// offsets with a fraction, and clocks that go back for a month in spring
	"Asia/Kolkata", "Asia/Kathmandu", "Africa/Casablanca",
}

func pick(r *rand.Rand, choices ...string) string { return choices[r.Intn(len(choices))] }

func expression(r *rand.Rand) string {
	number := func(below int) string { return fmt.Sprint(r.Intn(below)) }
	minute := pick(r, "0", "15", "30", "45", number(60), number(60), "15,45", "*/20", "*", "0,59")
	hour := pick(r, "0", "1", "2", "3", "0", "1", "2", "3", "5", "22", "23", number(24), "1,2", "1,3", "0-4", "*/2", "*/6", "1,22", "*")
	date := pick(r, "*", "*", "*", "*", "1", "28-31", "8-14", fmt.Sprint(1+r.Intn(28))+",29", "*/2")
	month := pick(r, "*", "*", "*", "*", "3", "10,11", "3,4,9")
	weekday := pick(r, "*", "*", "*", "0", "6", "5,6", "1-5", number(7))
	return strings.Join([]string{minute, hour, date, month, weekday}, " ")
}

// the first second of each new offset
func changes(zone *time.Location, from, to time.Time) []time.Time {
	found := []time.Time{}
	offset := func(t time.Time) int { _, offset := t.In(zone).Zone(); return offset }
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		if offset(t) != offset(t.Add(-time.Minute)) {
			found = append(found, t)
		}
	}
	return found
}

var from, to = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)

func parse(zone, text string) cron.Schedule {
	// as Kubernetes asks for it
	schedule, err := cron.ParseStandard("TZ=" + zone + " " + text)
	if err != nil {
		panic(err)
	}
	return schedule
}

func next(zone, text string, after time.Time) []any {
	schedule := parse(zone, text)
	runs := []int64{}
	last := int64(0)
	for t := schedule.Next(after); t.After(after) && t.Before(to) && len(runs) < chain; t = schedule.Next(t) {
		if t.Unix()%60 != 0 {
			panic("a run within a minute")
		}
		runs = append(runs, t.Unix()/60-last)
		last = t.Unix() / 60
	}
	return []any{zone, text, after.Unix() / 60, runs}
}

// What mostRecentScheduleTime of the controller finds, by the same steps.
// https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/controller/cronjob/utils.go
func mostRecent(schedule cron.Schedule, earliest, now time.Time) *time.Time {
	t1 := schedule.Next(earliest)
	t2 := schedule.Next(t1)
	if now.Before(t1) {
		return nil
	}
	if now.Before(t2) {
		return &t1
	}
	between := int64(t2.Sub(t1).Seconds())
	missed := int64(now.Sub(t1).Seconds())/between + 1
	var recent *time.Time
	for t := schedule.Next(t1.Add(time.Duration((missed-2)*between) * time.Second)); !t.After(now); t = schedule.Next(t) {
		found := t
		recent = &found
	}
	return recent
}

// The runs of a CronJob that is made just before 2023 and may be an hour late: after each look, the controller
// sleeps until a tenth of a second after the next run that it sees.
func runs(zone, text string) []any {
	schedule := parse(zone, text)
	last := from.Add(-time.Second)
	count, sum := 0, int64(0)
	for now := schedule.Next(last).Add(100 * time.Millisecond); now.Before(to); {
		earliest := now.Add(-time.Hour)
		if last.After(earliest) {
			earliest = last
		}
		if run := mostRecent(schedule, earliest, now); run != nil && run.After(last) {
			last = *run
			count++
			sum += int64(last.Sub(from) / time.Minute)
		}
		seen := mostRecent(schedule, last, now)
		if seen == nil {
			seen = &last
		}
		now = schedule.Next(*seen).Add(100 * time.Millisecond)
	}
	return []any{zone, text, count, sum}
}

func write(out *bufio.Writer, name string, rows [][]any) {
	fmt.Fprintf(out, "%q: [", name)
	for i, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		fmt.Fprint(out, map[bool]string{true: "\n", false: ",\n"}[i == 0], string(text))
	}
	fmt.Fprint(out, "\n]")
}

func main() {
	n := flag.Int("n", 1700, "rows of next; a tenth of them of runs")
	seed := flag.Int64("seed", 1, "seed")
	flag.Parse()

	r := rand.New(rand.NewSource(*seed))
	changed := map[string][]time.Time{}
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		changed[name] = changes(zone, from, to)
	}

	nexts, all := [][]any{}, [][]any{}
	for i := 0; i < *n; i++ {
		name := zones[i%len(zones)]
		after := from.Add(time.Duration(r.Int63n(int64(to.Sub(from))/int64(time.Minute))) * time.Minute)
		// most begin in the days before a change, or within the hour of it
		if c := changed[name]; len(c) > 0 && r.Intn(8) > 0 {
			after = c[r.Intn(len(c))].Add(-time.Duration(r.Intn([]int{2 * 24 * 60, 180, 60, 9 * 24 * 60}[r.Intn(4)])) * time.Minute)
		}
		nexts = append(nexts, next(name, expression(r), after))
	}
	for i := 0; len(all) < *n/10; i++ {
		// where a clock goes back at a quarter to four, a run may be its own next run, and the controller does not come to an end
		if name, text := zones[i%len(zones)], expression(r); name != "Pacific/Chatham" && !strings.HasPrefix(text, "* ") {
			all = append(all, runs(name, text))
		}
	}

	out := bufio.NewWriter(os.Stdout)
	fmt.Fprint(out, "{")
	write(out, "next", nexts)
	fmt.Fprint(out, ",\n")
	write(out, "runs", all)
	fmt.Fprint(out, "}\n")
	if err := out.Flush(); err != nil {
		panic(err)
	}
}
