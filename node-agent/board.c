/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "board.h"
#include "io.h"
#include "util.h"

#define TEXT_MAX 4096
#define HWMON_MAX 8
#define SECTOR 512
#define CARD "/sys/class/block/mmcblk0"

/* Where the firmware's driver is, by board and kernel. */
static const char *const throttled_paths[] = {
	"/sys/devices/platform/soc/soc:firmware/get_throttled",
	"/sys/devices/platform/soc/soc@107c000000/soc@107c000000:firmware/get_throttled",
	"/sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled",
};

static bool read_text(const char *root, const char *path, struct buf *text)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", root, path);
	struct err ignored;

	return io_read_file(whole, TEXT_MAX, text, &ignored) == 0;
}

static int64_t read_number(const char *root, const char *path, int base)
{
	_cleanup_buf_ struct buf text = {0};
	char *end;

	if (!read_text(root, path, &text))
		return -1;
	int64_t n = strtoll(buf_str(&text), &end, base);
	return end == buf_str(&text) ? -1 : n;
}

static int64_t read_throttled(const char *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(throttled_paths); i++) {
		int64_t bits = read_number(root, throttled_paths[i], 16);
		if (bits >= 0)
			return bits;
	}
	return -1;
}

/* The driver raspberrypi-hwmon (Linux 4.20); its number differs. */
static int64_t read_undervoltage(const char *root)
{
	for (int i = 0; i < HWMON_MAX; i++) {
		_cleanup_free_ char *name = xasprintf("/sys/class/hwmon/hwmon%d/name", i);
		_cleanup_free_ char *alarm =
			xasprintf("/sys/class/hwmon/hwmon%d/in0_lcrit_alarm", i);
		_cleanup_buf_ struct buf text = {0};
		if (read_text(root, name, &text) && str_starts(buf_str(&text), "rpi_volt"))
			return read_number(root, alarm, 10);
	}
	return -1;
}

/* Field 7: sectors written (Documentation/block/stat). */
static int64_t read_written(const char *root)
{
	_cleanup_buf_ struct buf text = {0};
	int64_t sectors;

	if (!read_text(root, CARD "/stat", &text) ||
		sscanf(buf_str(&text), "%*u %*u %*u %*u %*u %*u %" SCNd64, &sectors) != 1)
		return -1;
	return sectors * SECTOR;
}

static void read_wear(const char *root, int64_t wear[2])
{
	_cleanup_buf_ struct buf text = {0};
	unsigned a, b;

	wear[0] = wear[1] = -1;
	if (!read_text(root, CARD "/device/life_time", &text) ||
		sscanf(buf_str(&text), "%x %x", &a, &b) != 2)
		return;
	/* 0: not told; 11: past its life. */
	wear[0] = a && a <= 11 ? (int64_t)a : -1;
	wear[1] = b && b <= 11 ? (int64_t)b : -1;
}

/* Its own: never below root. */
static int64_t read_resident(void)
{
	_cleanup_buf_ struct buf text = {0};
	int64_t pages;

	if (!read_text("", "/proc/self/statm", &text) ||
		sscanf(buf_str(&text), "%*u %" SCNd64, &pages) != 1)
		return -1;
	return pages * sysconf(_SC_PAGESIZE);
}

void board_read(const char *root, struct board *b)
{
	int64_t millidegrees = read_number(root, "/sys/class/thermal/thermal_zone0/temp", 10);

	*b = (struct board){
		.celsius = millidegrees == -1 ? BOARD_UNKNOWN : (double)millidegrees / 1000,
		.throttled = read_throttled(root),
		.undervoltage = read_undervoltage(root),
		.card_written = read_written(root),
		.resident = read_resident(),
	};
	read_wear(root, b->card_wear);
}
