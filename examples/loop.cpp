/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop CGROUP: tells what happens in a cgroup until it is removed, in C++11
 *
 * Objects of the library in unique_ptr, errors as std::system_error. An event may be moved out of the
 * handler, and lives as long as whoever has it.
 *
 *   c++ -std=c++11 loop.cpp $(pkg-config --cflags --libs oomnotify)
 */
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <oomnotify.h>
#include <poll.h>
#include <string>
#include <system_error>
#include <unistd.h>

namespace oom
{
static int check(int r, const std::string &what)
{
	if (r < 0)
		throw std::system_error(-r, std::generic_category(), what);
	return r;
}

class Descriptor
{
      public:
	explicit Descriptor(int fd) : fd_(fd)
	{
	}
	~Descriptor()
	{
		close(fd_);
	}
	Descriptor(const Descriptor &) = delete;
	Descriptor &operator=(const Descriptor &) = delete;
	int get() const
	{
		return fd_;
	}

      private:
	int fd_;
};

struct FreeEvent {
	void operator()(oomn_event *e) const
	{
		oomn_event_free(e);
	}
};
using Event = std::unique_ptr<oomn_event, FreeEvent>;

class Monitor
{
      public:
	Monitor()
	{
		oomn_monitor *m;

		check(oomn_monitor_new(&m, nullptr), "monitor");
		m_.reset(m);
	}
	int fd() const
	{
		return oomn_monitor_get_fd(m_.get());
	}
	void watch(const std::string &cgroup, std::uint32_t kinds, std::uint64_t cookie)
	{
		Descriptor dir(check(oomn_cgroup_open(cgroup.c_str(), 0), cgroup));

		check(oomn_monitor_add(m_.get(), dir.get(), kinds, 0, cookie), cgroup);
	}
	int watches() const
	{
		return check(oomn_monitor_get_watches(m_.get()), "monitor");
	}
	/* To be called when fd() is readable. */
	void dispatch(const std::function<void(Event)> &handler)
	{
		oomn_event *e;

		check(oomn_monitor_dispatch(m_.get()), "dispatch");
		while (check(oomn_monitor_next(m_.get(), &e), "event") > 0)
			handler(Event(e));
	}

      private:
	struct Free {
		void operator()(oomn_monitor *m) const
		{
			oomn_monitor_free(m);
		}
	};
	std::unique_ptr<oomn_monitor, Free> m_;
};
} // namespace oom

static void print(const oomn_event *e)
{
	const char *kind = oomn_kind_name(oomn_event_get_kind(e));
	const char *cgroup = oomn_event_get_cgroup(e);

	std::cout << (kind ? kind : "unknown") << ' ' << oomn_event_get_count_min(e) << ' '
		  << (cgroup ? cgroup : "-") << std::endl;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::cerr << "usage: loop CGROUP\n";
		return 2;
	}
	try {
		oom::Monitor monitor;

		monitor.watch(argv[1], OOMN_OOM | OOMN_KILL | OOMN_GONE | OOMN_LOST, 1);
		std::cerr << "ready" << std::endl;
		/* OOMN_GONE is the last event of a watch. */
		while (monitor.watches() > 0) {
			pollfd p = { monitor.fd(), POLLIN, 0 };

			(void)poll(&p, 1, -1);
			monitor.dispatch([](oom::Event e) { print(e.get()); });
		}
	} catch (const std::exception &e) {
		std::cerr << "loop: " << e.what() << '\n';
		return 1;
	}
	return 0;
}
