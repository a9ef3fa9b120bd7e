/*
 * testpoint.h -- places where a test can have a process killed, or an error raised.
 *
 * They are compiled in with -DCN_TEST_POINTS only (bin/test does so), where the setting
 * connector.test_point = 'name[:n][:error|:stop]' picks one: at its n-th pass (the first, unless
 * said) the process kills itself, raises, or waits until the setting is another one.
 */
#ifndef CN_CORE_TESTPOINT_H
#define CN_CORE_TESTPOINT_H

#ifdef CN_TEST_POINTS
extern void cn_testpoint_init(void);
extern void cn_testpoint_pass(const char *name);

#define CN_TEST_POINT(name) cn_testpoint_pass(name)
#else
#define cn_testpoint_init() ((void) 0)
#define CN_TEST_POINT(name) ((void) 0)
#endif

#endif							/* CN_CORE_TESTPOINT_H */
