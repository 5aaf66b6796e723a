/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include "health/card.h"
#include "metrics.h"
#include "peers.h"

struct metric;

/* Where the samples of a metric come from, and where they go. */
struct scrape {
	const struct api_view *view;
	const struct board *board;
	const struct metric *metric;
	struct buf *to;
};

struct metric {
	const char *name, *type, *help;
	void (*samples)(const struct scrape *s);
};

/* --- samples */

static void put(const struct scrape *s, const char *labels, double value)
{
	buf_printf(s->to, "%s%s %.17g\n", s->metric->name, labels, value);
}

static void put_known(const struct scrape *s, int64_t value)
{
	if (value >= 0)
		put(s, "", (double)value);
}

/* A label's value: what Prometheus wants escaped never gets into names and reasons (why_copy). */
static PRINTF(3, 4) void put_with(const struct scrape *s, double value, const char *fmt, ...)
{
	char labels[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(labels, sizeof(labels), fmt, ap);
	va_end(ap);
	put(s, labels, value);
}

static const struct api_node *self(const struct scrape *s)
{
	return &s->view->nodes[s->view->id->self];
}

/* --- the node and its cluster */

static void info(const struct scrape *s)
{
	const struct identity *id = s->view->id;

	put_with(s, 1, "{cluster=\"%s\",node=\"%s\",version=\"%s\"}", id->cluster,
		identity_self(id)->name, BRAMBLE_VERSION);
}

static void state(const struct scrape *s)
{
	for (unsigned i = 0; i < NODE_STATES; i++)
		put_with(s, self(s)->state == i, "{state=\"%s\"}",
			node_state_name((enum node_state)i));
}

static void why(const struct scrape *s)
{
	char text[WHY_SIZE];
	size_t n = 0;

	for (const char *p = self(s)->why; *p && n < sizeof(text) - 1; p++)
		text[n++] = *p == '"' || *p == '\\' ? '\'' : *p;
	text[n] = '\0';
	if (n)
		put_with(s, 1, "{why=\"%s\"}", text);
}

static void role(const struct scrape *s)
{
	for (unsigned i = NEO4J_DOWN; i <= NEO4J_MASTER; i++)
		put_with(s, self(s)->role == i, "{role=\"%s\"}",
			neo4j_role_name((enum neo4j_role)i));
}

static void writable(const struct scrape *s)
{
	put(s, "", self(s)->writable);
}

static void lease(const struct scrape *s)
{
	put(s, "", s->view->lease);
}

static void epoch(const struct scrape *s)
{
	put(s, "", (double)s->view->epoch);
}

static void run(const struct scrape *s)
{
	put(s, "", (double)s->view->run);
}

static void generation(const struct scrape *s)
{
	put(s, "", (double)s->view->id->generation);
}

static void last_tx(const struct scrape *s)
{
	if (self(s)->last_tx != TX_UNKNOWN)
		put(s, "", (double)self(s)->last_tx);
}

/* Behind the master, as far as its last hello knew. */
static void lag(const struct scrape *s)
{
	uint64_t mine = self(s)->last_tx;

	for (size_t i = 0; i < s->view->id->nmembers; i++) {
		const struct api_node *n = &s->view->nodes[i];
		if (n->role != NEO4J_MASTER || n->last_tx == TX_UNKNOWN || mine == TX_UNKNOWN)
			continue;
		put(s, "", n->last_tx > mine ? (double)(n->last_tx - mine) : 0);
		return;
	}
}

static void members(const struct scrape *s)
{
	for (size_t i = 0; i < s->view->id->nmembers; i++)
		put_with(s, s->view->nodes[i].present, "{member=\"%s\"}",
			s->view->id->members[i].name);
}

static void vip(const struct scrape *s)
{
	if (s->view->id->vip.s_addr && (s->view->id->members[s->view->id->self].roles & ROLE_PROXY))
		put(s, "", s->view->vip_at == identity_self(s->view->id));
}

/* --- p3 */

static void level(const struct scrape *s)
{
	const struct card *c = s->view->card;

	for (unsigned i = 0; c && i < HEALTH_LEVELS; i++)
		put_with(s, c->health.level == i, "{level=\"%s\"}",
			health_level_name((enum health_level)i));
}

static const struct health_facts *facts(const struct scrape *s)
{
	const struct card *c = s->view->card;

	return c && c->facts.known ? &c->facts : NULL;
}

static void size(const struct scrape *s)
{
	if (facts(s))
		put(s, "", (double)facts(s)->size);
}

static void room(const struct scrape *s)
{
	if (facts(s))
		put(s, "", (double)facts(s)->free);
}

static void reserve(const struct scrape *s)
{
	if (facts(s))
		put(s, "", (double)facts(s)->reserve);
}

static void readonly(const struct scrape *s)
{
	if (facts(s))
		put(s, "", facts(s)->readonly);
}

static void probes(const struct scrape *s)
{
	const struct card *c = s->view->card;

	if (!c)
		return;
	put_with(s, (double)(c->facts.probes - c->failed), "{result=\"good\"}");
	put_with(s, (double)c->failed, "{result=\"failed\"}");
}

/* --- the board */

static void celsius(const struct scrape *s)
{
	if (s->board->celsius > BOARD_UNKNOWN)
		put(s, "", s->board->celsius);
}

static const char *const conditions[] = {
	"undervoltage",
	"frequency_capped",
	"throttled",
	"soft_temperature_limit",
};

static void throttled_from(const struct scrape *s, unsigned bit)
{
	for (unsigned i = 0; s->board->throttled >= 0 && i < ARRAY_SIZE(conditions); i++)
		put_with(s, s->board->throttled >> (bit + i) & 1, "{condition=\"%s\"}",
			conditions[i]);
}

static void throttled(const struct scrape *s)
{
	throttled_from(s, 0);
	if (s->board->throttled < 0 && s->board->undervoltage >= 0)
		put_with(s, (double)s->board->undervoltage, "{condition=\"undervoltage\"}");
}

static void was_throttled(const struct scrape *s)
{
	throttled_from(s, 16);
}

static void written(const struct scrape *s)
{
	put_known(s, s->board->card_written);
}

static void wear(const struct scrape *s)
{
	for (unsigned i = 0; i < 2; i++) {
		if (s->board->card_wear[i] >= 0)
			put_with(s, (double)s->board->card_wear[i] / 10, "{area=\"%c\"}", 'a' + i);
	}
}

/* --- the agent */

static void resident(const struct scrape *s)
{
	put_known(s, s->board->resident);
}

static void uptime(const struct scrape *s)
{
	put(s, "", self(s)->uptime_s);
}

static void sent(const struct scrape *s)
{
	const struct peers *p = s->view->peers;

	if (p)
		put(s, "", (double)p->seq * (double)p->n);
}

struct result {
	const char *name;
	size_t offset;
};

static const struct result results[] = {
	{"good", offsetof(struct peer_counts, good)},
	{"unproven", offsetof(struct peer_counts, unproven)},
	{"stale", offsetof(struct peer_counts, stale)},
	{"forged", offsetof(struct peer_counts, forged)},
	{"malformed", offsetof(struct peer_counts, malformed)},
	{"stranger", offsetof(struct peer_counts, stranger)},
	{"alien", offsetof(struct peer_counts, alien)},
};

static void received(const struct scrape *s)
{
	const struct peers *p = s->view->peers;

	for (size_t i = 0; p && i < ARRAY_SIZE(results); i++) {
		const char *at = (const char *)&p->counts + results[i].offset;
		put_with(s, (double)*(const uint64_t *)(const void *)at, "{result=\"%s\"}",
			results[i].name);
	}
}

/* clang-format off */
static const struct metric metrics[] = {
	{"bramble_agent_info", "gauge", "Who this is.", info},
	{"bramble_node_state", "gauge", "1 for the state this node is in.", state},
	{"bramble_node_why_info", "gauge", "Why it is in no better one.", why},
	{"bramble_neo4j_role", "gauge", "1 for the role this node's Neo4j is in.", role},
	{"bramble_neo4j_writable", "gauge", "Is it master by the grant of a majority?", writable},
	{"bramble_neo4j_last_transaction", "gauge", "Its last committed transaction.", last_tx},
	{"bramble_neo4j_lag_transactions", "gauge", "How many the master is ahead.", lag},
	{"bramble_lease_held", "gauge", "Does a majority support this node's Neo4j?", lease},
	{"bramble_manifest_epoch", "gauge", "Of what the members agreed on; 0: nothing yet.", epoch},
	{"bramble_manifest_run", "gauge", "Of Neo4j since it last began from nothing.", run},
	{"bramble_config_generation", "gauge", "Of the card's configuration.", generation},
	{"bramble_member_present", "gauge", "Is that member heard?", members},
	{"bramble_vip_held", "gauge", "Has this node the floating address?", vip},
	{"bramble_data_health", "gauge", "1 for the level p3 is at.", level},
	{"bramble_data_size_bytes", "gauge", "Size of p3.", size},
	{"bramble_data_free_bytes", "gauge", "Room on p3, the reserve not counted.", room},
	{"bramble_data_reserve_bytes", "gauge", "Room held back on p3.", reserve},
	{"bramble_data_readonly", "gauge", "Is p3 read-only?", readonly},
	{"bramble_data_probes_total", "counter", "Writes to p3 that were tried.", probes},
	{"bramble_board_temperature_celsius", "gauge", "Of the processor.", celsius},
	{"bramble_board_throttled", "gauge", "Is the board in that condition now?", throttled},
	{"bramble_board_throttled_since_boot", "gauge", "Was it ever?", was_throttled},
	{"bramble_card_written_bytes_total", "counter", "Written to the card since boot.", written},
	{"bramble_card_wear_ratio", "gauge", "How much of an eMMC's life is used.", wear},
	{"bramble_agent_uptime_seconds", "gauge", "Since the agent started.", uptime},
	{"bramble_hellos_sent_total", "counter", "Hellos to the other members.", sent},
	{"bramble_hellos_received_total", "counter", "Datagrams by what became of them.", received},
	{"process_resident_memory_bytes", "gauge", "Of the agent.", resident},
};
/* clang-format on */

void metrics_write(const struct api_view *v, const struct board *b, struct buf *to)
{
	_cleanup_buf_ struct buf samples = {0};
	struct scrape s = {.view = v, .board = b, .to = &samples};

	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		const struct metric *m = s.metric = &metrics[i];
		size_t before = samples.len;
		m->samples(&s);
		if (samples.len == before)
			continue;
		buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
		buf_add(to, samples.data + before, samples.len - before);
	}
	to->failed |= samples.failed;
}
