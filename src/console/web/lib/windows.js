// Which window of this browser has the line: a page asks before it takes it by itself, so that whoever opens the desk twice in
// the middle of a call cuts nobody off.

const CHANNEL = "segue-line", WHO = "who has it?", ME = "this window";
/** Another window answers within this, in ms. */
const ANSWER_WITHIN = 400;

/** Answers other windows as long as this one has the line. @param {() => boolean} has */
export function answerOthers(has) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => { if (data === WHO && has()) channel.postMessage(ME); };
}

/** Whether another window has it. @returns {Promise<boolean>} */
export function isElsewhere() {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise((done) => {
    const settle = (/** @type {boolean} */ is) => { clearTimeout(timer); channel.close(); done(is); };
    const timer = setTimeout(() => settle(false), ANSWER_WITHIN);
    channel.onmessage = ({ data }) => { if (data === ME) settle(true); };
    channel.postMessage(WHO);
  });
}
