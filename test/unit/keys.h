/*
 * keys.h -- private keys for tests, none of them secret.
 *
 * Those of RFC 7515 are converted from its JSON Web Keys.
 */
#ifndef CN_TEST_KEYS_H
#define CN_TEST_KEYS_H

#define PASSPHRASE "correct horse"

/* RFC 7515, appendix A.2, as PKCS#8 */
#define RSA_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n" \
	"jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n" \
	"aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n" \
	"juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n" \
	"ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n" \
	"toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n" \
	"VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n" \
	"PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n" \
	"O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n" \
	"kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n" \
	"XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n" \
	"4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n" \
	"pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n" \
	"0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n" \
	"lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n" \
	"kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n" \
	"rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n" \
	"kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n" \
	"5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n" \
	"9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n" \
	"evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n" \
	"yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n" \
	"OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n" \
	"tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n" \
	"ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n" \
	"03k2+ZQwVK0JKSHuLFkuQ3U=\n" \
	"-----END PRIVATE KEY-----\n"

/* The same as PKCS#1 */
#define RSA_KEY_TRADITIONAL \
	"-----BEGIN RSA PRIVATE KEY-----\n" \
	"MIIEowIBAAKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0\n" \
	"l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pC\n" \
	"gNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSX\n" \
	"ndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD\n" \
	"Zlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8\n" \
	"q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQABAoIBABKucaRpzQorw35S\n" \
	"bEUAVx8dYXUdZOlJcHtiWQ+dC6V8ljxAHj/PLyzTveyI5QO/xkObCyjIL303l2cf\n" \
	"UhPu2MFaJdjVzqACXuOrLot/eSFvxjvqVidTtAZExqFRJ9mylUVAoLvhowVWmC1O\n" \
	"n95fZCXxTUtxNEG1Xcc7m0rtzJKs45J+N/V9DP1edYH6USyPSWGp6wuA+KgHRnKK\n" \
	"Vf9GRx80JQY7nVNkL17eHoTWEwga+lwi0FEoW9Y7lDtWXYmKBWhUE+U8PGxlJf8f\n" \
	"40493HDw1WRQ/aSLoS4QTp3rn7gYgeHEvfJdkkf0UMhlknlo53M09EFPdadQ4TlU\n" \
	"bjqKc50CgYEA4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH/5IB3jw3bcxGn6QLvnE\n" \
	"tfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw/Py5PJdTJNPY8cQn7ouZ2KKDcmnPG\n" \
	"BY5t7yLc1QlQ5xHdwW1VhvKn+nXqhJTBgIPgtldC+KDV5z+y2XDwGUcCgYEAuQPE\n" \
	"fgmVtjL0Uyyx88GZFF1fOunH3+7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYs\n" \
	"p1ZSe7zFYHj7C6ul7TjeLQeZD/YwD66t62wDmpe/HlB+TnBA+njbglfIsRLtXlnD\n" \
	"zQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdcCgYAHAp9XcCSrn8wVkMVkKdb7\n" \
	"DOX4IKjzdahm+ctDAJN4O/y7OW5FKebvUjdAIt2GuoTZ71iTG+7F0F+lP88jtjP4\n" \
	"U4qe7VHoewl4MKOfXZKTe+YCS1XbNvfgwJ3Ltyl1OH9hWvu2yza7q+d5PCsDzqtm\n" \
	"27kxuvULVeya+TEdAB1ijQKBgQCH/3r6YrVH/uCWGy6bzV1nGNOdjKc9tmkfOJmN\n" \
	"54dxdixdpozCQ6U4OxZrsj3FcOhHBsqAHvX2uuYjagqvo3cOj1TRqNocX40omfCC\n" \
	"Mx3bD1yPPf/6TI2XECva/ggqEY2mYzmIiA5LVVmc5nrybr+lssFKneeyxN2Wq93S\n" \
	"0iJMdQKBgCGHewxzoa1r8ZMD0LETNrToK423K377UCYqXfg5XMclbrjPbEC3YI1Z\n" \
	"NqMtuhdBJqUnBi6tjKMF+34Xf0CUN8ncuXGO2CAYvO8PdyCixHX52ybaDjy1FtCE\n" \
	"6yUXjoKNXKvUm7MWGsAYH6f4IegOetN5NvmUMFStCSkh7ixZLkN1\n" \
	"-----END RSA PRIVATE KEY-----\n"

/* The same as encrypted PKCS#8; PASSPHRASE opens it */
#define RSA_KEY_ENCRYPTED \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
	"MIIFNTBfBgkqhkiG9w0BBQ0wUjAxBgkqhkiG9w0BBQwwJAQQ5aTAOfNNSmGbP4OL\n" \
	"12XLcQICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPHi8szPeNVpwJhg\n" \
	"S5hazUQEggTQ/I5xCPMcaYLYH4D8mbx0LwZCaGJjEF0UgA77DblV97TKjyY47T9Q\n" \
	"h9s0ElSIicIYkEb9gVQ5KI0HVUyYJGaeyibprqE+eAKSAAdFrk5f3IdFgqzSUJ3b\n" \
	"tvtu/kmRtqa6+Qxyfms3WprNDVoEw0IvZc3qO0rFpLjjkEdWzZz96vsul1IdaI+l\n" \
	"flk4iH/QcEEoQtz3A0RxLEh9ioqUlfozhf3rDxYABb9xYFXkMQChjYdvhcs+LVEy\n" \
	"dy3gei3Uh0zsBkex5rB6FyVD58I8xOdp7yiOkCNAk/RlLpc4fmM+Me62r2TuJxX0\n" \
	"ggL6UxB8gWw7ttQRmz/aWxUwtKii+l0y7xbrAOCjnTdrFLG5jCeKPJKUHTxquJv+\n" \
	"u31X0AVQyDJr2w5T0C8eo4Fc/iYvzbDK1ucFOlhXhsFUrRNd2OLrMWDug2neQvEg\n" \
	"UpMEDn1zxrp8eaREIsBK0uDkcL5WYXkNf7xevdC5pEUiWZ4ZAFNuT7rYzj4b2uxS\n" \
	"5ur9ouQ7Lc44rd/kEPBmB0B/ftCYxjqDY/TuPgPm1EwEdujA809yfV4YJWW+sECW\n" \
	"LWlIeUW2L9Upxv8iWXHf3H8pqZfnADwzT2ye4ctjNnwI4ZxzP+ZEq1XYBtCO51uO\n" \
	"tfbIe6rdfmPqag4a8Q8U3Zk7KC7iLP5ecB5EHhhya9ZUFMJJ+w/9aizF8voXxlXw\n" \
	"Doq7suGzGP/Xry68ytmEcz5hkzqVhayN5AX/3cATKkoO81mwtDCP/5Vhq/KUrUtY\n" \
	"gEBM+3gDmzpav5KvXhP14j9eFlDMj0kaKpa3v3zhhQoi7nD1GtthRc+OkQUZo2N/\n" \
	"oGXzA16jwvgovqXLeTdYWOFJNilH2R6//hpItpByiqH/5tno8tfHXYVy8udc2mlz\n" \
	"x4o98bJnwLX0G77nf8NDcv6N5f4xTypb5mP2JGgURXeFpJ0guiSI02xO4mNgDbqY\n" \
	"NEMUMJELAdTeKe8FYEJNFZ3v6uMilpOnUG7vBKThbsjsx0u/lgDGtdyFHaUukVff\n" \
	"mwL2JdSpb3hkuFsMbaVEYKvnwwHyJuCUWIJf9jvg0FveTtRACFb4kc1qNsOD9Jp0\n" \
	"I9s5+KLAY/itdfqHX9frwjBT1XjjvweE27Z3v4shvMmZ0C3qwodlrduvssC+4kP6\n" \
	"M+7AxKDEW7U/KEZaTfaIyYaRcWxSLg0e3EzCQpRWJjCx/Bz0o5g20/X/IO+Mcuqy\n" \
	"7Ux3fzbuInvAa1YniD6uF9kjBH3QZ37EdYrlxuR8pYtCoE9fNvDl1GW8accuUJTG\n" \
	"093Ifr0YCUndQ4g5Q71Z/ihnXNfOwKXguYJy9+G8MfcZ7Zyql3+Y4kD7HynS+cKf\n" \
	"T02BBnYjps+DW1LTpIeT6dDinlzxTH+HLXUYej7Zowfoz0WY6XUpDwXN4U9KWSH4\n" \
	"W0SFPreV0C69mdL6RewRUhONtRUsjByWzbzA3yihYPQ1iavnC+bEc7lHFChzR2aR\n" \
	"VsoATFxBF+TWXs3wjwwgFiQwGMpscSVu1snqbo3WbCyzqyKJljmsTQEAjgpbtL1A\n" \
	"xy491bbie9GATWjTJUj6E/Tp71JkY+sUaHItYKlEk+nEVOIFkmzZYXZw6eXtUQXF\n" \
	"Q8ITFFKNmb5rwvdvdzWS5ldEsZnqftiXXHrAy1eeUleSDhnzyD3Ajsc=\n" \
	"-----END ENCRYPTED PRIVATE KEY-----\n"

/* RFC 7515, appendix A.3, as PKCS#8 */
#define EC_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n" \
	"H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n" \
	"7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n" \
	"-----END PRIVATE KEY-----\n"

/* The same in the form of RFC 5915 */
#define EC_KEY_TRADITIONAL \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n" \
	"AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n" \
	"focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n" \
	"-----END EC PRIVATE KEY-----\n"

/* The same, encrypted the old way */
#define EC_KEY_ENCRYPTED \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"Proc-Type: 4,ENCRYPTED\n" \
	"DEK-Info: AES-256-CBC,89124AF1239640AD87663C7B5ED1C2CD\n" \
	"\n" \
	"U7fYmOuo78fAzkrnMWXmBszvWDDFBlp+7lrL53LChIum0maKef42mIfegDGE3+8f\n" \
	"tjt9lGC9kAxoEZ5AT1MTQg+t2TjJp4N1v45NJAYlmahKUalnjJKWpQKHNIUad6Dd\n" \
	"jgBpJAi4DwSr8hz+sCvkqG1ekebfiTz45x+jFdPNfW4=\n" \
	"-----END EC PRIVATE KEY-----\n"

/* Its public half */
#define EC_PUBLIC_KEY \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n" \
	"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n" \
	"-----END PUBLIC KEY-----\n"

/* Another curve, made for these tests */
#define EC_KEY_P384 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCRfJR03yZ7Fe1qH/Nk\n" \
	"wWQiSq7mWHTYVjyJfG8vW85cRA8XUW4lJ+VoWqyreBXlVq+hZANiAAR9OAM3tisl\n" \
	"KVjk3OliN1Uz9Ht1yD0IvQ/ttxl84SpXIuu9QVV+WttpRNv0lFleSAwB5K/MzCH3\n" \
	"5BSJhVtfk5P/dKx5HjL/ylXlfu6Qz46G3uJGYBYs/Z3FyTjBYuSdhqo=\n" \
	"-----END PRIVATE KEY-----\n"

/* Another curve of the same length, likewise */
#define EC_KEY_K256 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgEMFbs64Dj8ccnMrHxwPT\n" \
	"8jKqhlHUzylDbOgMNekvk2uhRANCAAQ3nG0DXyZVVY/4r4wwnkizF5k5DoMTQclV\n" \
	"YYjQhZme3YxMavA1GWWTBymwqdcPDmxi7CTJw8wRW3dJIXHZJl1M\n" \
	"-----END PRIVATE KEY-----\n"

/* 1024 bits, likewise */
#define RSA_KEY_SHORT \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAMNrSzWP5DGM6+j6\n" \
	"t/6FNMHh9TuhG8N81j+/VsLzfnd4fsTdt0ho+cpQr9mhqpF9iwbCpVVHg5mP0Uz8\n" \
	"KBoj/CUT5u9meEKdsNo3mz4Pr6aBePbGUEL5Fvzlg/j/K7tz5hv8Xh8qtNKm75ff\n" \
	"qA2smTkjBE4RliayBxycTMP1lstzAgMBAAECgYEAuVcwrKs9RVWfhYcNLOOPpvc0\n" \
	"zIo/t8fVt/40PpAL+SmaKgMSyyVtC9o8/k8bZAPK8O15O4mpIeLKIpbhPfG1OJhd\n" \
	"gQfJGD3bOc9E3dVqqTzcjoVqbyMcR/yDHm/jh6hBwJVpTilMA6lUzQ0JoLpDFRk2\n" \
	"o/h2mglr1eXtUD4jVVkCQQDsXmBuMwWCw9sto1ptF1/X1rlz0Eynjjl9DnBRSZ1u\n" \
	"3x43tovPRhEuSuhXfZdzg5Ov06umGHSRRsg2KMR1pOH1AkEA06ZBjzmYZOstXOoI\n" \
	"puer+EmdJmCgJZdUleUl88FowKglBqn1OqoQVTWE1cL8q84OJMTL21IxbPVUprUD\n" \
	"azjOxwJBAMx6jKNoohDQzHB7y4NqYDCBgmetQFMHV7ZW4lWAAKDkheiek+5Y6A4L\n" \
	"IVpmvLlij0XhMLH8oAL5n8QymlpHrG0CQB9zpmxtR6s/k5cqJC0BYnncHqFUXJgZ\n" \
	"e/VmfxRRGor+sbniydF08kZnVJ0bg8bYMRvfrtehyDyD3JeFcMOfRoMCQQC8nhf8\n" \
	"TQBv6ABEZurte4n4LjwJ/bqbCqTKfsZjOGJRTJQNH+6woWhgjcdccONpHxOxnTjn\n" \
	"kAFiaNswuXnYVLiC\n" \
	"-----END PRIVATE KEY-----\n"

#endif							/* CN_TEST_KEYS_H */
